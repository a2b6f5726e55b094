"""`ai-patterns explain` both ways on a lake of a million predictions, each call in a process of its own.

The lake has the example's shape: a year with a million events of each of its four streams, and a million predictions
with all features logged. The goal is two seconds a call, with the start of the process in it. The figures also tell
how long the search, the lineage and the partition's answer take once the parts are loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT / "tests")]

from ai_patterns.clients.lake import Lake  # noqa: E402
from ai_patterns.clients.mlflow import Registry  # noqa: E402
from ai_patterns.clients.mlflow_connection import quiet_mlflow  # noqa: E402
from ai_patterns.core.days import Days  # noqa: E402
from ai_patterns.core.predictions import TABLE  # noqa: E402
from ai_patterns.jobs.lineage import explain  # noqa: E402
from ai_patterns.jobs.resting import resting_on  # noqa: E402
from ai_patterns.jobs.served_vectors import find_prediction  # noqa: E402
from ai_patterns.spec.loading import load_system  # noqa: E402
from ai_patterns.spec.system import SystemSpec  # noqa: E402
from crowded_lake import Crowd, fill  # noqa: E402

OUTPUT = Path(".run/bench/explain.json")
YEAR = Days.parse("2013-01-01/2013-12-31")
PARTITION = "2013-07-09"
GOAL = 2.0


def main() -> None:
    """Make the lake, ask both ways, and write the figures."""
    options = _arguments()
    system = load_system(ROOT / "include" / "systems" / "flights")
    with tempfile.TemporaryDirectory() as folder:
        lake, registry = Lake(f"{folder}/lake", system.name), Registry(f"sqlite:///{folder}/mlflow.db", system.name)
        fill(system, lake, Crowd(YEAR, options.events, options.predictions, wide=True))
        _register(registry)
        drawn = random.Random(5).sample(range(options.predictions), options.calls)  # noqa: S311 - a sample, no secret
        ids = lake.read(TABLE, columns=["prediction_id"])["prediction_id"].take(drawn).to_pylist()
        figures = [*_commands(folder, system, ids), *_loaded(system, lake, registry, ids)]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=1_000_000, help="in the lake (default: %(default)s)")
    parser.add_argument("--events", type=int, default=1_000_000, help="of each stream (default: %(default)s)")
    parser.add_argument("--calls", type=int, default=5, help="predictions that are asked for (default: %(default)s)")
    return parser.parse_args()


def _register(registry: Registry) -> None:
    """Five versions with what was recorded of their training, and no model."""
    client = quiet_mlflow().MlflowClient(registry.tracking_uri)
    client.create_registered_model(registry.model_name)
    for month in range(1, 6):
        tags = {"days": f"2013-01-01/2013-{month:02d}-28", "lake.training_sets": str(month)}
        client.create_model_version(registry.model_name, "file:///nowhere", tags=tags)


def _commands(folder: str, system: SystemSpec, ids: list[str]) -> Iterator[dict[str, Any]]:
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "plugins"),
        "AI_PATTERNS_HOME": folder,
        "AI_PATTERNS_SYSTEMS": str(ROOT / "include" / "systems"),
        "AI_PATTERNS_LAKE": f"{folder}/lake",
        "AI_PATTERNS_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }

    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode

    def call(*arguments: str) -> None:
        command = [sys.executable, "-m", "ai_patterns.cli", "explain", system.name, *arguments]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command

    call("--help")
    yield _figure("ai-patterns explain ID", [_seconds(call, each) for each in ids])
    for stream in system.streams:
        seconds = [_seconds(call, "--partition", stream, PARTITION) for _ in ids]
        yield _figure(f"ai-patterns explain --partition {stream}", seconds)


def _loaded(system: SystemSpec, lake: Lake, registry: Registry, ids: list[str]) -> Iterator[dict[str, Any]]:
    yield _figure("search for an id, loaded", [_seconds(find_prediction, lake, each) for each in ids])
    places = [find_prediction(lake, each) for each in ids]
    yield _figure("explain, loaded", [_seconds(explain, system, lake, registry, each) for each in places])
    for stream in system.streams:
        seconds = [_seconds(resting_on, system, lake, registry, stream, Days.parse(PARTITION).first)]
        yield _figure(f"resting on {stream}, loaded", seconds)


def _seconds(call: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - began


def _figure(measure: str, seconds: list[float]) -> dict[str, Any]:
    slowest = max(seconds)
    return {
        "measure": measure,
        "median seconds": round(sorted(seconds)[len(seconds) // 2], 3),
        "slowest": round(slowest, 3),
        "goal": GOAL,
        "met": slowest < GOAL,
    }


if __name__ == "__main__":
    main()
