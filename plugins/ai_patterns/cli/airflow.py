"""`airflow ai-patterns`: the same command as a part of Airflow's own, where the wheel is installed."""

from __future__ import annotations

import argparse
import sys

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand

from ai_patterns.cli import main


def get_commands() -> list[CLICommand]:
    """The command that Airflow adds to its own."""
    told = "as of the command `ai-patterns`, such as: doctor"
    words = Arg(("words",), nargs=argparse.REMAINDER, help=told)  # type: ignore[no-untyped-call]
    return [
        ActionCommand(
            name="ai-patterns",
            help="The patterns of scalable AI systems: doctor, explain, rollback ...",
            description="Hands its words to the command ai-patterns; `airflow ai-patterns -- --help` tells them.",
            func=_run,
            args=(words,),
        )
    ]


def _run(arguments: argparse.Namespace) -> None:
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    sys.exit(main(words))
