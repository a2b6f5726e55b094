"""Commands about specs: `validate` and `new`."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from ai_patterns.cli.arguments import Commands, add_command
from ai_patterns.clients.home import Home
from ai_patterns.errors import SpecError
from ai_patterns.spec.base import NAME_PATTERN
from ai_patterns.spec.loading import find_systems, load_system


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    validate = add_command(
        commands,
        "validate",
        "check a system's spec, or every system's",
        "ai-patterns validate include/systems/flights",
    )
    validate.add_argument(
        "folder", nargs="?", type=Path, help="a folder with a system.yaml, or one of such folders; default: all systems"
    )
    validate.set_defaults(run=_validate)
    new = add_command(
        commands,
        "new",
        "write a commented starter system that validates, with sample data",
        "ai-patterns new pumps",
    )
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
