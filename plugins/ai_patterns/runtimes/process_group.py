"""Processes found by a mark in their environment, and ended as whole groups.

The system's own table of processes is the record: a file with a process number would be wrong after a crash of its
writer, and would name a stranger after a reboot.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

MARK = "AI_PATTERNS_RUNTIME"
"""Environment variable that holds the home of the runtime that a process belongs to."""

STOP_SECONDS = 30.0


def start(command: Sequence[str], home: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a command as a group of its own that outlives its starter; its process number is the group's.

    Args:
        command: program and arguments.
        home: the runtime's folder: working folder, and the mark by which `groups` finds it again.
        log: file to which its output is added.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - a runtime's own command
            command,
            env={**os.environ, MARK: str(home)},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    # A process shows no environment for a moment while it is being loaded: whoever looks then would think it ended.
    while process.poll() is None and process.pid not in groups(home):
        time.sleep(0.01)
    return process


def groups(home: Path) -> frozenset[int]:
    """Groups of the live processes that carry the mark of `home`, but for one that loads another program just then."""
    mark, found = f"{MARK}={home}".encode(), set()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            if mark in environment.read_bytes().split(b"\0"):  # a zombie's environment reads empty
                found.add(os.getpgid(int(environment.parent.name)))
    return frozenset(found)


def end(home: Path, patience: float = STOP_SECONDS) -> bool:
    """End every group of `home`: SIGTERM, and SIGKILL after `patience` seconds.

    Returns:
        Whether anything ran.
    """
    ran = bool(groups(home))
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for group in groups(home):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)
        if _gone(home, seconds):
            break
    return ran


def _gone(home: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while groups(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
