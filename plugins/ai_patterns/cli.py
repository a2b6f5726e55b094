"""The command `ai-patterns`: check a spec, start a system, and run the loop's parts by hand."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ai_patterns.clients.home import Home
from ai_patterns.errors import AIPatternsError, SpecError
from ai_patterns.spec.base import NAME_PATTERN
from ai_patterns.spec.loading import find_systems, load_system

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
