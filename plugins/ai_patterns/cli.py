"""The command `ai-patterns`: check a spec, start a system, and run the loop's parts by hand."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import AIPatternsError, SpecError
from ai_patterns.spec.base import NAME_PATTERN
from ai_patterns.spec.loading import find_systems, load_system

if TYPE_CHECKING:
    from ai_patterns.clients.lake import Lake
    from ai_patterns.spec.system import SystemSpec

_EPILOG = """\
first steps:
  ai-patterns new pumps                    write include/systems/pumps, a commented starter with sample data
  ai-patterns validate                     check every system; an error names file, line, field and nearest name

places (environment, with their defaults):
  AI_PATTERNS_HOME          $AIRFLOW_HOME, or the working folder
  AI_PATTERNS_SYSTEMS       $AI_PATTERNS_HOME/include/systems
  AI_PATTERNS_LAKE          $AI_PATTERNS_HOME/.run/lake
  AI_PATTERNS_TRACKING_URI  sqlite:///$AI_PATTERNS_HOME/.run/mlflow.db
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it succeeded, 1 when it failed, 2 when it was called wrongly."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except (AIPatternsError, FileExistsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """All commands with their help."""
    parser = argparse.ArgumentParser(
        prog="ai-patterns",
        description="The ten patterns of scalable AI systems, each system described once in a system.yaml.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_spec_commands(commands)
    _add_loop_commands(commands)
    return parser


def _add_spec_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    validate = commands.add_parser("validate", help="check a system's spec, or every system's")
    validate.add_argument(
        "folder", nargs="?", type=Path, help="a folder with a system.yaml, or one of such folders; default: all systems"
    )
    validate.set_defaults(run=_validate)
    new = commands.add_parser("new", help="write a commented starter system that validates, with sample data")
    new.add_argument("name", help="snake_case; it becomes part of DAG ids and table paths")
    new.set_defaults(run=_new)


def _add_loop_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser(
        "evaluate", help="retrain month by month and print the metrics of each rung of the feature ladder"
    )
    evaluate.add_argument("system", help="name of a system whose training set is in the lake")
    evaluate.add_argument("--first", required=True, metavar="YYYY-MM", type=_month, help="first month to predict")
    evaluate.add_argument("--last", required=True, metavar="YYYY-MM", type=_month, help="last month to predict")
    evaluate.add_argument("--output", type=Path, help="also write the rungs there, as JSON")
    evaluate.set_defaults(run=_evaluate)
    rollback = commands.add_parser("rollback", help="return to the champion before the present one")
    rollback.add_argument("system")
    rollback.add_argument("--reason", default="by hand", help="is kept in the ledger of promotions")
    rollback.set_defaults(run=_rollback)
    report = commands.add_parser("report", help="write report.html and report.json of a system")
    report.add_argument("system")
    report.add_argument("folder", type=Path, help="where to write them")
    report.set_defaults(run=_report)


def _month(text: str) -> dt.date:
    return dt.datetime.strptime(text, "%Y-%m").replace(tzinfo=dt.UTC).date()


def _open(name: str) -> tuple[SystemSpec, Lake]:
    from ai_patterns.clients.lake import Lake

    home = Home.from_environment()
    return load_system(home.systems / name), Lake(home.lake, name)


def _evaluate(options: argparse.Namespace) -> None:
    from ai_patterns.jobs.evaluation import evaluate

    rungs = evaluate(*_open(options.system), options.first, options.last)
    for rung in rungs:
        figures = {name: value for name, value in rung.items() if isinstance(value, float)}
        print(f"{rung['rung']:<16}", *(f"{name} {value:.4f}" for name, value in figures.items()))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(rungs, indent=2, default=str) + "\n", "utf-8")


def _rollback(options: argparse.Namespace) -> None:
    from ai_patterns.clients.mlflow import Registry
    from ai_patterns.jobs.promotion import rollback

    registry = Registry(Home.from_environment().tracking, options.system)
    line = rollback(*_open(options.system), registry, at=dt.datetime.now(dt.UTC), reason=options.reason)
    print(f"{options.system}: version {line.version} is the champion again, after {line.previous}")


def _report(options: argparse.Namespace) -> None:
    from ai_patterns.jobs.report import write_report

    print(write_report(*_open(options.system), options.folder))


def _validate(options: argparse.Namespace) -> int:
    root = options.folder or Home.from_environment().systems
    folders = [root] if (root / "system.yaml").is_file() else find_systems(root)
    if not folders:
        raise SpecError("there is no system here; `ai-patterns new NAME` writes a starter", file=root)
    wrong = 0
    for folder in folders:
        try:
            system = load_system(folder)
        except SpecError as error:
            wrong += 1
            print(f"error: {error}", file=sys.stderr)
        else:
            print(f"{system.name}: valid, {len(system.streams)} streams, {len(system.model.columns)} model features")
    return 1 if wrong else 0


def _new(options: argparse.Namespace) -> int:
    from ai_patterns.starter import write_starter

    if not re.fullmatch(NAME_PATTERN, options.name):
        raise SpecError(f"{options.name!r} is no name of a system: lower-case letters, digits and _, a letter first")
    folder = write_starter(Home.from_environment().systems / options.name)
    system = load_system(folder)
    print(f"{folder}: wrote the system {system.name!r}; edit system.yaml, then: ai-patterns validate {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
