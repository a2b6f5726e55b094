"""The command `backfill`: correct partitions of events, and all that is computed from them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ai_patterns.cli.arguments import Commands, add_command, days, open_system
from ai_patterns.clients.home import Home

if TYPE_CHECKING:
    from ai_patterns.jobs.backfill import BackfillPlan


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    backfill = add_command(
        commands,
        "backfill",
        "correct a partition of events and compute again what depends on it; an interrupted run goes on",
        "ai-patterns backfill flights --partition 2013-02-09 --dry-run\n"
        "  ai-patterns backfill flights --partition 2013-02-09 --stream weather --override weather=better.csv\n"
        "  ai-patterns backfill flights --partition 2013-02-12 --stream weather --from quarantine \\\n"
        '    --fix-sql "SELECT * REPLACE (NULL AS wind_speed) FROM quarantined"',
    )
    backfill.add_argument("system")
    backfill.add_argument("--partition", type=days, required=True, help="2013-02-09, or a range 2013-02-09/2013-02-10")
    backfill.add_argument("--stream", action="append", help="may be repeated; default: every stream")
    backfill.add_argument(
        "--from",
        dest="origin",
        choices=("sources", "topics", "quarantine", "lake"),
        default="sources",
        help="where the right rows are; `lake`: the events are corrected already (default: %(default)s)",
    )
    backfill.add_argument(
        "--override", action="append", type=_override, default=[], metavar="SOURCE=FILE", help="reads this file instead"
    )
    backfill.add_argument("--fix-sql", metavar="SELECT", help="mends the rows in quarantine, as for `readmit`")
    backfill.add_argument("--dry-run", action="store_true", help="show what depends on it, and how large that is")
    backfill.set_defaults(run=_backfill)


def _override(text: str) -> tuple[str, str]:
    source, equals, file = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not SOURCE=FILE")
    return source, file


def _backfill(options: argparse.Namespace) -> int:
    from ai_patterns.clients.mlflow import Registry
    from ai_patterns.jobs.backfill import backfill, plan_backfill
    from ai_patterns.jobs.correction import Correction

    system, lake = open_system(options.system)
    try:
        correction = Correction.of(
            system, options.partition, options.stream, options.origin, dict(options.override), options.fix_sql
        )
    except LookupError as error:
        print(f"error: {error.args[0]}", file=sys.stderr)
        return 1
    if options.dry_run:
        registry = Registry(Home.from_environment().tracking, system.name)
        _print_plan(plan_backfill(system, lake, registry, correction))
    else:
        _print_replaced("replaced", backfill(system, lake, correction))
    return 0


def _print_plan(plan: BackfillPlan) -> None:
    _print_replaced("to correct", plan.corrected)
    print("to compute again, and to replace where it comes out otherwise:")
    for part in plan.dependents:
        span = f"{part.days[0]} to {part.days[-1]}"
        print(f"  {part.table}: {len(part.days)} partitions, {span}; {part.rows:,} rows, {part.bytes:,} bytes")
    rows, size = (sum(getattr(part, name) for part in plan.dependents) for name in ("rows", "bytes"))
    print(f"  in all: {sum(len(part.days) for part in plan.dependents)} partitions, {rows:,} rows, {size:,} bytes")
    print("rests on it and stays as it was made:")
    for version, count in sorted(plan.models.items()):
        print(f"  version {version} may have been trained on it, train again; it made {count:,} predictions")
    for version, count in plan.predictions.items():
        print(f"  {count:,} predictions of version {version} rest on it")
    for table, count in plan.judgements.items():
        print(f"  {table}: {count:,} rows judge these days")


def _print_replaced(verb: str, partitions: Mapping[str, Mapping[str, int]]) -> None:
    if not partitions:
        print(f"{verb}: nothing, all rows are as they should be")
    for table, days_of in partitions.items():
        for day, rows in days_of.items():
            print(f"{verb}: {table} {day}, {rows:,} rows come or go")
