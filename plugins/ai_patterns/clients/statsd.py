"""StatsD for what runs outside Airflow: cron, a shell, another scheduler."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ai_patterns.core.figures import metric_part
from ai_patterns.errors import MissingDependencyError, SpecError

VARIABLE = "AI_PATTERNS_STATSD"


@contextmanager
def counted(command: str, environment: Mapping[str, str] = os.environ) -> Iterator[list[int]]:
    """Send how long a command took and how it ended, where `AI_PATTERNS_STATSD` (host:port) is set.

    The metrics are `ai_patterns.command.{command}.seconds`, a timer, and the counters `.succeeded` and `.failed`.

    Args:
        command: its name.
        environment: where the address is read from.

    Yields:
        A list that takes the exit code; without one, or with another than 0, the command has failed.

    Raises:
        SpecError: the address is not of the form host:port.
        MissingDependencyError: the package statsd is not installed.
    """
    address = environment.get(VARIABLE)
    codes: list[int] = []
    started = time.monotonic()
    try:
        yield codes
    finally:
        if address:
            _send(address, metric_part(command), time.monotonic() - started, succeeded=codes == [0])


def _send(address: str, command: str, seconds: float, *, succeeded: bool) -> None:
    try:
        import statsd
    except ImportError:
        raise MissingDependencyError("statsd", "metrics") from None
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise SpecError(f"{VARIABLE} is {address!r}; write host:port, such as 127.0.0.1:9125")
    client = statsd.StatsClient(host, int(port), prefix="ai_patterns.command")
    client.timing(f"{command}.seconds", seconds * 1000)
    client.incr(f"{command}.{'succeeded' if succeeded else 'failed'}")
