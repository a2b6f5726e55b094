"""What the commands' arguments have in common."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.installation import open_system, spec_of

if TYPE_CHECKING:
    from ai_patterns.clients.kafka import Broker
    from ai_patterns.core.days import Days

__all__ = ["Commands", "add_command", "add_servers", "days", "month", "open_broker", "open_system", "spec_of"]

Commands = argparse._SubParsersAction  # argparse has no public name for it


def add_command(
    commands: Commands[argparse.ArgumentParser], name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    """A command whose help says what it does and shows one call."""
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def month(text: str) -> dt.date:
    """First day of a month written as `YYYY-MM`."""
    return dt.datetime.strptime(text, "%Y-%m").replace(tzinfo=dt.UTC).date()


def days(text: str) -> Days:
    """A day or a closed range of days.

    Raises:
        ArgumentTypeError: the text is neither.
    """
    from ai_patterns.core.days import Days

    try:
        return Days.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_servers(command: argparse.ArgumentParser) -> None:
    """The flag that `open_broker` takes."""
    command.add_argument("--servers", help="host:port of Kafka; default: the broker that `up kafka` started")


def open_broker(servers: str | None) -> Broker:
    """The cluster at `servers`, by default the broker that was started here.

    Raises:
        ServiceUnavailableError: none was.
    """
    from ai_patterns.clients.kafka import Broker
    from ai_patterns.runtimes.kafka import Kafka

    started = Kafka(Home.from_environment().runtimes / Kafka.name)
    if servers is None and started.port is None:
        raise ServiceUnavailableError("no broker was started here: `ai-patterns up kafka`, or give --servers")
    return Broker(servers or started.address)
