"""The command about Luigi: `luigi`, which writes a graph's shape down for `LuigiTaskGroup`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ai_patterns.cli.arguments import Commands, add_command


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    luigi = add_command(
        commands,
        "luigi",
        "write down the shape of a Luigi graph, from which LuigiTaskGroup makes Airflow tasks",
        "ai-patterns luigi shop.pipeline Report --parameter day=2024-01-01 --output dags/report.json",
    )
    luigi.add_argument("module", help="the module that defines the last task; the working folder is on its path")
    luigi.add_argument("task", help="its family")
    luigi.add_argument(
        "--parameter", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="one of its parameters"
    )
    luigi.add_argument(
        "--whole",
        action="append",
        default=[],
        metavar="FAMILY",
        help="a family whose tasks run all that they require by themselves, in one Airflow task",
    )
    luigi.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    luigi.set_defaults(run=_snapshot)


def _snapshot(options: argparse.Namespace) -> int:
    from ai_patterns.jobs.luigi import snapshot

    sys.path.insert(0, str(Path.cwd()))  # as Luigi's own command does
    parameters, whole = dict(options.parameter), options.whole
    graph = snapshot(options.module, options.task, parameters, options.output, whole=whole)
    print(f"{options.output}: {len(graph.nodes)} tasks")
    for node in graph.nodes:
        print(f"  {node.name} <- {', '.join(node.requires) or 'nothing'}")
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value
