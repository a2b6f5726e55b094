"""The command `parity`: what was served against what should have been."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ai_patterns.cli.arguments import Commands, add_command, days, open_system

if TYPE_CHECKING:
    from ai_patterns.jobs.parity_view import VectorPair


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parity = add_command(
        commands,
        "parity",
        "compare the served feature vectors with their recomputation, bit by bit",
        "ai-patterns parity flights --days 2013-04-01/2013-04-07",
    )
    parity.add_argument("system")
    what = parity.add_mutually_exclusive_group(required=True)
    what.add_argument("--days", type=days, help="check the predictions decided on these days, and record the verdicts")
    what.add_argument("--prediction", metavar="ID", help="show one prediction's two vectors side by side")
    parity.set_defaults(run=_parity)


def _parity(options: argparse.Namespace) -> int:
    return _show(options) if options.prediction else _check(options)


def _check(options: argparse.Namespace) -> int:
    from ai_patterns.jobs.parity import check_parity
    from ai_patterns.jobs.parity_view import read_shares

    system, lake = open_system(options.system)
    report = check_parity(system, lake, options.days)
    if not report.expected:
        print(f"{system.name}: nothing was served online on {options.days}")
        return 0
    print(f"{system.name}: {report.compared} of {report.expected} vectors of {options.days} compared")
    _print_shares(read_shares(lake, options.days) if report.compared else [])
    for alarm in report.alarms:
        print(f"failed: {alarm}", file=sys.stderr)
    return int(bool(report.alarms))


def _print_shares(rows: Sequence[Mapping[str, Any]]) -> None:
    from ai_patterns.core.parity import CAUSES

    differing = [row for row in rows if row["differing"]]
    if not differing:
        print(f"{len({row['feature'] for row in rows})} features, none differs")
        return
    wide = max(len(row["feature"]) for row in differing)
    print(f"{'day':<11}{'feature':<{wide}} {'compared':>9}{'differing':>10}{'forgiven':>9}{'share':>8}  classes")
    for row in differing:
        classes = ", ".join(f"{row[cause]} {cause}" for cause in CAUSES if row[cause])
        counts = f"{row['compared']:>9}{row['differing']:>10}{row['forgiven']:>9}{row['share']:>8.4f}"
        print(f"{row['day']!s:<11}{row['feature']:<{wide}} {counts}  {classes}")


def _show(options: argparse.Namespace) -> int:
    from ai_patterns.jobs.parity_view import read_pair
    from ai_patterns.jobs.served_vectors import find_prediction

    system, lake = open_system(options.system)
    try:
        place = find_prediction(lake, options.prediction)
    except LookupError as error:
        print(f"error: {error.args[0]}", file=sys.stderr)
        return 1
    if place.mode != "online":
        print(f"error: {options.prediction!r} was made in a batch; nothing was served", file=sys.stderr)
        return 1
    return _print_pair(read_pair(system, lake, place))


def _print_pair(pair: VectorPair) -> int:
    print(f"{pair.prediction_id}, decided at {pair.decided_at.isoformat()}, served at {pair.served_at.isoformat()}")
    wide = max(len(item.feature) for item in pair.pairs)
    print(f"  {'feature':<{wide}}  {'served':<28}{'recomputed':<28}class")
    for item in pair.pairs:
        mark, served = "*" if item.cause else " ", "absent" if item.served is None else item.served
        age = f", {item.age_hours:.2f} h old" if item.age_hours is not None else ""
        print(f"{mark} {item.feature:<{wide}}  {served:<28}{item.recomputed or '':<28}{item.cause or ''}{age}".rstrip())
    return int(any(item.cause for item in pair.pairs))
