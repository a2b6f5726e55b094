"""One stage of the loop on a lake of many times the flights, in a process of its own; prints what it cost as JSON."""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days, cut
from ai_patterns.core.sessions import Limits
from ai_patterns.jobs.feature_store import apply_repository, materialize
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.spec.system import SystemSpec
from growth_side.flights import real_flights, rows_by_day, write_flights, write_system


def load(system: SystemSpec, lake: Lake, days: Days, times: int, folder: Path) -> tuple[int, float]:
    """Ingest the days in ranges within the row budget; writing the copies is not counted."""
    flights, file = real_flights(system), folder / "flights.parquet"
    rows, seconds = 0, 0.0
    for part in cut(days, rows_by_day(flights, times), Limits.from_environment().batch_rows):
        write_flights(flights, times, part, file)
        start = time.perf_counter()
        report = ingest(system, lake, part, run_id="growth", overrides={"flights": str(file)})
        seconds += time.perf_counter() - start
        rows += sum(report.published.values())
    return rows, seconds


def features(system: SystemSpec, lake: Lake, days: Days, *_: object) -> tuple[int, float]:
    """Tiles and value logs."""
    return _timed(lambda: sum(build_features(system, lake, days).values()))


def training_set(system: SystemSpec, lake: Lake, days: Days, *_: object) -> tuple[int, float]:
    """The point-in-time join."""
    return _timed(lambda: build_training_set(system, lake, days))


def materialization(system: SystemSpec, lake: Lake, days: Days, _: int, folder: Path) -> tuple[int, float]:
    """The values at the end of the days into an empty SQLite store; applying the repository is not counted."""
    apply_repository(system, lake, folder / "feast")
    return _timed(lambda: sum(materialize(system, lake, folder / "feast", days.end).values()))


STAGES: dict[str, Callable[[SystemSpec, Lake, Days, int, Path], tuple[int, float]]] = {
    "load": load,
    "features": features,
    "training_set": training_set,
    "materialization": materialization,
}


def _timed(work: Callable[[], int]) -> tuple[int, float]:
    start = time.perf_counter()
    rows = work()
    return rows, time.perf_counter() - start


def main() -> None:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--times", type=int, required=True)
    parser.add_argument("--days", type=Days.parse, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    system = write_system(options.folder)
    lake = Lake(str(options.folder / "lake"), system.name)
    rows, seconds = STAGES[options.stage](system, lake, options.days, options.times, options.folder)
    print(json.dumps({"rows": rows, "seconds": round(seconds, 2), "peak_mb": _peak_kilobytes() // 1024}))


def _peak_kilobytes() -> int:
    """Of this program alone: `ru_maxrss` begins with what the starter had."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    main()
