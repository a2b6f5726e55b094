"""The flights' generated suites in one DuckDB pass, beside Great Expectations' own pandas engine on the same rows.

Each stream's rows of the year, and of its busiest day alone. Outcomes are compared field by field before a time
counts. The library's time is the shorter one of two: outcomes alone, without the list of rows at fault.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.expectations import evaluate_by_library, generated_suite, validate
from ai_patterns.clients.one_pass import evaluate_in_one_pass
from ai_patterns.core.days import Days
from ai_patterns.core.expectations import Configuration
from ai_patterns.core.quality import row_expectations
from ai_patterns.engines.rows import RAW_DAY, cast_rows
from ai_patterns.jobs.extraction import raw_rows
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec

OUTPUT = Path(".run/bench/expectations.json")


def main() -> None:
    """Compare the outcomes, then the times, and write the figures."""
    options = _arguments()
    system = load_system(Path("include/systems/flights"))
    figures = []
    for name, stream in system.streams.items():
        suite = generated_suite(row_expectations(stream))
        year = _typed(system, name)
        for title, rows in ((f"{name}, a year", year), (f"{name}, a day", _busiest_day(year))):
            figures.append(_measured(title, rows, suite, options.repeats))
            print(json.dumps(figures[-1]))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def _measured(title: str, rows: pa.Table, suite: list[Configuration], repeats: int) -> dict[str, Any]:
    found, numbered = evaluate_in_one_pass(rows, suite), dict(enumerate(suite))
    if len(found) < len(suite):
        sys.exit(f"{title}: only {len(found)} of {len(suite)} expectations were evaluated in one pass")
    if found != evaluate_by_library(rows, numbered, title):
        sys.exit(f"{title}: the outcomes differ")
    ours = _seconds(lambda: evaluate_in_one_pass(rows, suite), repeats)
    theirs = _seconds(lambda: validate(rows, numbered, title, "BOOLEAN_ONLY"), max(1, repeats // 3))
    counts = {"rows": rows.num_rows, "expectations": len(suite)}
    return {"measure": title, **counts, "ours": ours, "great_expectations": theirs, "ratio": round(theirs / ours, 1)}


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """The median of so many runs, in seconds."""
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return round(statistics.median(took), 4)


def _typed(system: SystemSpec, name: str) -> pa.Table:
    return cast_rows(raw_rows(system, name, Days.parse("2012-12-30/2014-01-02")), system.streams[name])


def _busiest_day(rows: pa.Table) -> pa.Table:
    counts = rows[RAW_DAY].value_counts()
    day = counts.field("values")[pc.index(counts.field("counts"), pc.max(counts.field("counts"))).as_py()]
    return rows.filter(pc.equal(rows[RAW_DAY], day)).combine_chunks()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="runs of one pass (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
