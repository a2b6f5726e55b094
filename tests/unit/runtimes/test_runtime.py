"""A process is there until it ended, also where the system's table does not show it for a moment."""

from __future__ import annotations

import sys
from itertools import cycle
from pathlib import Path

import pytest

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.runtimes import process_group
from ai_patterns.runtimes.runtime import LOCALHOST, HttpRuntime


class Server(HttpRuntime):
    """Python's own; its program may be another one first, as that of a start script is."""

    name, health, program = "server", "/", "-mhttp.server"

    def prepare(self, port: int) -> list[str]:
        serve = f"exec {sys.executable} {self.program} --bind {LOCALHOST} {port}"
        return ["sh", "-c", f"sleep 0.5; {serve}"]


def test_a_program_that_becomes_another_one_has_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, groups = cycle([True, True, False]), process_group.groups
    monkeypatch.setattr(process_group, "groups", lambda home: groups(home) if next(shown) else frozenset())
    server = Server(tmp_path)
    try:
        assert server.up()
    finally:
        monkeypatch.undo()
        assert server.down()


def test_one_that_ended_is_told_with_its_last_words(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.program = "-mno_such_module"
    with pytest.raises(ServiceUnavailableError, match=r"(?s)server ended while it started.*No module named no_such"):
        server.up()
