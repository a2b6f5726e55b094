"""The command `explain`: what a prediction rests on, and what rests on a partition."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from typing import TYPE_CHECKING

from ai_patterns.cli.arguments import Commands, add_command, open_system
from ai_patterns.cli.arrow import load_arrow
from ai_patterns.clients.home import Home

if TYPE_CHECKING:
    from ai_patterns.jobs.lineage import CountedPartition, Lineage


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    explain = add_command(
        commands,
        "explain",
        "tell what a prediction rests on, or which predictions rest on a partition",
        "ai-patterns explain flights 0b6f1c9e-...\n  ai-patterns explain flights --partition weather 2013-02-12",
    )
    explain.add_argument("system")
    what = explain.add_mutually_exclusive_group(required=True)
    what.add_argument("prediction", nargs="?", metavar="ID", help="a prediction's id")
    what.add_argument("--partition", nargs=2, metavar=("STREAM", "DAY"), help="a day of a stream's events")
    explain.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    load_arrow()
    try:
        return _print_resting(options) if options.partition else _print_lineage(options)
    except LookupError as error:
        print(f"error: {error.args[0]}", file=sys.stderr)
        return 1


def _print_lineage(options: argparse.Namespace) -> int:
    from ai_patterns.clients.mlflow import Registry
    from ai_patterns.clients.opened_lake import OpenedLake
    from ai_patterns.jobs.lineage import explain
    from ai_patterns.jobs.served_vectors import find_prediction

    system, lake = open_system(options.system)
    registry, lake = Registry(Home.from_environment().tracking, system.name), OpenedLake.over(lake)
    _print(explain(system, lake, registry, find_prediction(lake, options.prediction)))
    return 0


def _print(told: Lineage) -> None:
    key = ", ".join(f"{name} {value}" for name, value in told.key.items())
    print(f"{told.prediction_id} ({told.mode}): {told.score:.4g} for {key}")
    print(f"decided at {told.decided_at.isoformat()}, served at {told.served_at.isoformat()}")
    print("model")
    for name, value in told.model.items():
        print(f"  {name}: {value}")
    for name, parts in told.groups.items():
        print(f"{name}: {sum(part.rows for part in parts):,} events")
        for part in parts:
            print(f"  {part.table} {part.day}: {part.rows:,}{_offsets(part)}")


def _offsets(part: CountedPartition) -> str:
    places = [f"partition {number}: {first} to {last}" for number, (first, last) in sorted(part.offsets.items())]
    return f", topic offsets {'; '.join(places)}" if places else ""


def _print_resting(options: argparse.Namespace) -> int:
    from ai_patterns.clients.mlflow import Registry
    from ai_patterns.clients.opened_lake import OpenedLake
    from ai_patterns.jobs.resting import resting_on

    system, lake = open_system(options.system)
    stream, text = options.partition
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise LookupError(f"{text!r} is no day such as 2013-02-12") from None
    registry = Registry(Home.from_environment().tracking, system.name)
    found = resting_on(system, OpenedLake.over(lake), registry, stream, day)
    rows = found.predictions
    print(f"{rows.num_rows:,} predictions rest on events/{stream} {day}")
    counts = [(each["values"], each["counts"]) for each in rows["model_version"].value_counts().to_pylist()]
    for version, count in sorted(counts):
        print(f"  by version {version}: {count:,}")
    for version, count in sorted(found.models.items()):
        print(f"version {version} may have been trained on it; it made {count:,} predictions")
    for prediction in rows["prediction_id"].slice(0, 10).to_pylist():
        print(f"  {prediction}")
    return 0
