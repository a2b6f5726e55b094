"""Groups are found by their home alone and ended whole, the deaf ones too."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from ai_patterns.runtimes import process_group

PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
DEAF = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path('deaf').touch()
time.sleep(60)
"""


@pytest.fixture
def homes(tmp_path: Path):
    made = [tmp_path / "kafka", tmp_path / "kafka2"]  # the one's mark begins as the other's
    for home in made:
        home.mkdir()
    yield made
    for home in made:
        process_group.end(home, patience=0)


def start(home: Path, program: str) -> int:
    return process_group.start([sys.executable, "-c", program], home, home / "log").pid


def wait_until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_home_has_its_own_groups(homes) -> None:
    first, second = (start(home, PARENT) for home in homes)
    for home, group in zip(homes, (first, second), strict=True):
        wait_until(lambda home=home, group=group: process_group.groups(home) == {group})
    assert process_group.end(homes[0])
    assert not process_group.groups(homes[0])
    assert process_group.groups(homes[1]) == {second}


def test_a_second_end_says_that_nothing_ran(homes) -> None:
    start(homes[0], PARENT)
    wait_until(lambda: process_group.groups(homes[0]))
    assert [process_group.end(homes[0]), process_group.end(homes[0])] == [True, False]


def test_a_group_deaf_to_sigterm_is_killed(homes) -> None:
    start(homes[0], DEAF)
    wait_until((homes[0] / "deaf").exists)
    assert process_group.end(homes[0], patience=0.3)
    assert not process_group.groups(homes[0])
