"""What a killed process spilled is swept by the next one; what a living one spills is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ai_patterns.core.spill import own_folder, sweep

_SPILLING = """
import sys
from ai_patterns.core.sessions import connect

session = connect()
session.execute("CREATE TEMP TABLE numbers AS SELECT number, hash(number) AS mixed FROM range(4000000) r(number)")
print("spilled", flush=True)
sys.stdin.read()
"""


@contextmanager
def spilling(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in whose session more lies than fits; it ends when its input does."""
    limits = {"MEMORY": "40MB", "THREADS": "1", "SPILL": str(root)}
    environment = {f"AI_PATTERNS_ENGINE_{name}": value for name, value in limits.items()}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", _SPILLING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"spilled\n"
            yield process
        finally:
            process.kill()


def spilled(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_next_process_sweeps_what_a_killed_one_left_and_nothing_of_one_that_lives(tmp_path: Path) -> None:
    with spilling(tmp_path) as killed:
        (left,) = tmp_path.iterdir()
        killed.kill()
        killed.wait()
        assert spilled(left) > 2**20
        with spilling(tmp_path) as living:
            (its,) = tmp_path.iterdir()
            assert its != left
            held = spilled(its)
            own = own_folder(tmp_path)
            assert sweep(tmp_path) == []
            assert (sorted(tmp_path.iterdir()), spilled(its)) == (sorted([its, own]), held)
            living.communicate()
        assert list(tmp_path.iterdir()) == [own]  # one that ends by itself takes its folder along


def test_what_is_not_of_a_process_stays(tmp_path: Path) -> None:
    (tmp_path / "ai-patterns-spill-of-a-person").mkdir()
    (tmp_path / "ai-patterns-spill-notes").write_text("mine")
    assert sweep(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 2
