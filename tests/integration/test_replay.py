"""A replay through real topics takes the decisions that the files lead to, also when it is killed on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions

DAYS = ("--from", "2024-03-25", "--to", "2024-03-28", "--period", "2")


@pytest.fixture
def home(docks_folder: Path, tmp_path: Path) -> Path:
    """A home whose docks send what they count to topics, and are trained again after two days."""
    target = tmp_path / "include" / "systems" / "docks"
    shutil.copytree(docks_folder, target)
    text = (target / "system.yaml").read_text("utf-8")
    for stream in ("planned", "counted"):
        text = text.replace(f"sql: sql/{stream}.sql\n", f"sql: sql/{stream}.sql\n    topic: docks.{stream}\n", 1)
    text = text.replace("max_age: 21d, cooldown: 5d", "max_age: 2d, cooldown: 1d")
    (target / "system.yaml").write_text(text, "utf-8")
    return tmp_path


def command(home: Path, kafka, *flags: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "AI_PATTERNS_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-m", "ai_patterns.cli", "replay", "docks", *DAYS, "--servers", kafka.address, *flags]
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_replay_that_is_killed_decides_as_the_files_do(home: Path, kafka) -> None:
    lived = home / ".run" / "replay" / "docks" / "lake"
    for seconds in (0.3, 1.1):
        replay = command(home, kafka)
        assert replay.stdout is not None
        assert any("is the champion" in line for line in replay.stdout)
        time.sleep(seconds)  # within the first days
        replay.kill()
        replay.communicate()
    output, errors = command(home, kafka, "--check").communicate(timeout=240)
    assert "predictions, decisions, ledger and champion are those of the files" in output, output + errors
    lake = Lake(str(lived), "docks")
    assert any(row["retrain"] for row in lake.read("retrainings").to_pylist())
    assert [line.action for line in read_promotions(lake)][:2] == ["promoted", "promoted"]
    again, _ = command(home, kafka).communicate(timeout=240)
    assert "2024-03-25 to 2024-03-28 were lived through before" in again
    assert "messages sent" not in again
