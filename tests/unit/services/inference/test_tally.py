"""Counts of several processes add up, and a killed one's stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from ai_patterns.services.inference.tally import Tally, drop_older, read_counts

EDGES = (0.25, 0.5)
COUNTING = """
import sys
from pathlib import Path
from ai_patterns.services.inference.tally import Tally
tally = Tally(Path(sys.argv[1]), (0.25, 0.5))
for _ in range(1000):
    tally.scored("challenger", failed=False)
    tally.took("challenger", 0.001)
print("counted", flush=True)
sys.stdin.read()
"""


def test_counts_survive_a_kill_and_add_up(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(tmp_path)], stdin=-1, stdout=subprocess.PIPE, env=environment
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"counted\n"
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    here = Tally(tmp_path, EDGES)
    here.scored("challenger", failed=True)
    found = read_counts(tmp_path)
    assert (found.challenger.requests, found.challenger.errors) == (2001, 1)
    assert sum(found.challenger.latency) == 2000
    assert found.champion.requests == 0


def test_a_pair_is_counted_in_both_profiles_and_between_them(tmp_path: Path) -> None:
    tally = Tally(tmp_path, EDGES)
    for champion, challenger in ((0.1, 0.9), (0.9, 0.3), (0.3, 0.3), (0.1, float("nan"))):
        tally.pair(champion, challenger)
    found = read_counts(tmp_path)
    assert found.pairs == 4
    assert found.champion.scores[:4] == (2, 1, 1, 0)
    assert found.challenger.scores[:4] == (0, 2, 1, 1)
    assert found.rose[:3] == (2, 2, 1)
    assert found.fell[:3] == (0, 1, 0)


def test_what_is_being_made_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "1-a.counts").write_bytes(b"")
    Tally(tmp_path, EDGES).shed(3)
    assert read_counts(tmp_path).shed == 3
    assert read_counts(tmp_path / "absent").shed == 0


def test_earlier_steps_are_dropped(tmp_path: Path) -> None:
    for sequence in (3, 7):
        Tally(tmp_path / str(sequence), EDGES).refused()
    (tmp_path / "note").mkdir()
    drop_older(tmp_path, 7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "note"]
