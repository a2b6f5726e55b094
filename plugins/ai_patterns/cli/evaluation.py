"""The command `evaluate`: what each family of features is worth, and the proof that none knows the future."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_patterns.cli.arguments import Commands, add_command, month, spec_of
from ai_patterns.clients.home import Home

if TYPE_CHECKING:
    from ai_patterns.jobs.leakage import LeakageReport

_CLASSIFICATION = ("auc", "brier", "ece")
_FACTS = ("rung", "columns", "rows")


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    evaluate = add_command(
        commands,
        "evaluate",
        "retrain month by month, print each rung of the feature ladder, and prove that no feature knows the future",
        "ai-patterns evaluate flights --first 2013-04 --last 2013-12 --output .run/evaluate.json",
    )
    evaluate.add_argument("system", help="its data are loaded into a lake of their own, below .run/evaluate")
    evaluate.add_argument("--first", metavar="YYYY-MM", type=month, help="first month to predict; default: the fourth")
    evaluate.add_argument("--last", metavar="YYYY-MM", type=month, help="last one; default: the data's last full month")
    evaluate.add_argument("--output", type=Path, help="also write the rungs there, as JSON")
    evaluate.add_argument("--decisions", type=int, default=500, help="how many the proof recomputes; default: 500")
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from ai_patterns.clients.lake import Lake
    from ai_patterns.core.days import Days
    from ai_patterns.jobs.evaluation import evaluate, months_between
    from ai_patterns.jobs.leakage import check_leakage
    from ai_patterns.jobs.preparation import months_to_predict, prepare_training_set

    _show_progress()
    system = spec_of(options.system)
    lake = Lake(str(Home.from_environment().made / "evaluate"), system.name)
    until = months_between(options.last, options.last)[0].last if options.last else None
    first, last = months_to_predict(system, prepare_training_set(system, lake, until), options.first, options.last)
    rungs = [_figures(rung) for rung in evaluate(system, lake, first, last)]
    _print_ladder(rungs)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(rungs, indent=2) + "\n", "utf-8")
    period = Days(system.start, months_between(first, last)[-1].last)
    return _tell_proof(check_leakage(system, lake, period, decisions=options.decisions))


def _show_progress() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("ai_patterns").setLevel(logging.INFO)


def _figures(rung: Mapping[str, Any]) -> dict[str, Any]:
    """A rung without its months; of a classification, the three figures that tell it."""
    metrics = [name for name, value in rung.items() if isinstance(value, float)]
    chosen = _CLASSIFICATION if set(_CLASSIFICATION) <= set(metrics) else metrics
    return {name: rung[name] for name in (*_FACTS, *chosen)}


def _print_ladder(rungs: Sequence[Mapping[str, Any]]) -> None:
    metrics = [name for name in rungs[0] if name not in _FACTS]
    print(f"{'rung':<16}{'columns':>8}{'rows':>9}", *(f"{name:>8}" for name in metrics))
    for rung in rungs:
        figures = (f"{rung[name]:8.4f}" for name in metrics)
        print(f"{rung['rung']:<16}{rung['columns']:>8}{rung['rows']:>9}", *figures)


def _tell_proof(report: LeakageReport) -> int:
    told = f"{report.decisions} decisions recomputed from their past alone, {report.features} features each"
    if not report.differing:
        print(f"proof: {told}: 0 features differ")
        return 0
    print(f"proof: {told}: {len(report.differing)} features differ, they know the future", file=sys.stderr)
    for name, decisions in report.differing.items():
        print(f"  {name}: in {decisions} decisions", file=sys.stderr)
    return 1
