"""Backfills in processes that may kill themselves: imports once, then forks a child for each line it reads.

Arguments: the system's folder, the lake's URI, the days. A line is the number of the call at which the child kills
itself, 0 for never; the answer is the number of calls it made, -1 where it was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isfunction
from typing import Any

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.staging import Staging
from ai_patterns.core.days import Days
from ai_patterns.jobs.backfill import backfill
from ai_patterns.jobs.correction import Correction
from ai_patterns.jobs.staged_lake import StagedLake
from ai_patterns.spec.loading import load_system


class Backfills:
    """The process, from the tests' side."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, fatal: int = 0) -> int:
        """Backfill in a child that dies at its n-th call; return its calls, -1 where it died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{fatal}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def backfills(folder: object, lake: Lake, days: Days) -> Iterator[Backfills]:
    """Start the process and end it."""
    command = [sys.executable, __file__, str(folder), lake.uri, str(days)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        yield Backfills(process)
        assert process.stdin is not None
        process.stdin.close()


def _child(folder: str, uri: str, days: str, fatal: int, answers: int) -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            count()
            result = function(*arguments, **named)
            count()
            return result

        return call

    for kind in (Lake, StagedLake, Staging):
        for name, function in list(vars(kind).items()):
            if isfunction(function) and not name.startswith("__"):
                setattr(kind, name, counted(function))
    system = load_system(folder)
    backfill(system, Lake(uri, system.name), Correction.of(system, Days.parse(days)))
    os.write(answers, f"{calls}\n".encode())


def main() -> None:
    """Fork for each line; this process itself starts no thread."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(*sys.argv[1:4], int(line), sys.stdout.fileno())
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            os.write(sys.stdout.fileno(), b"-1\n")


if __name__ == "__main__":
    main()
