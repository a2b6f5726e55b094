"""The command `doctor`: is this installation whole, and what is to be done?"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from ai_patterns.cli.arguments import Commands, add_command
from ai_patterns.clients.home import Home

if TYPE_CHECKING:
    from ai_patterns.jobs.doctor import Finding

_MARKS = {"good": "ok", "absent": "--", "wrong": "NO"}


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    doctor = add_command(
        commands,
        "doctor",
        "look at packages, programs, systems, places, Airflow and its connections, and tell the remedies",
        "ai-patterns doctor --without-airflow",
    )
    doctor.add_argument("--without-airflow", action="store_true", help="leave out Airflow's version and connections")
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    """1 where something is wrong; what is merely absent is told."""
    logging.disable(logging.WARNING)
    wrong = 0
    for finding in _findings(with_airflow=not options.without_airflow):
        wrong += finding.state == "wrong"
        print(f"{_MARKS[finding.state]}  {finding.subject}: {finding.detail}", flush=True)
        if finding.remedy:
            print(f"    {finding.remedy}")
    print(f"{wrong} things are wrong." if wrong else "Nothing is wrong.")
    return int(bool(wrong))


def _findings(*, with_airflow: bool) -> Iterator[Finding]:
    from ai_patterns.jobs.doctor import examine

    found: Iterator[Finding] = examine(Home.from_environment())
    if with_airflow:
        from ai_patterns.hooks.doctor import examine_airflow

        found = chain(found, examine_airflow())
    return found
