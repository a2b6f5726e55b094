"""One demo for all end-to-end tests: it is lived through once, then its Airflow is looked at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.standalone import Standalone, running

DEMO_SECONDS = 1800


@pytest.fixture(scope="session")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drop-in: a fresh folder that holds copies of dags/, plugins/ and include/ and nothing else."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("dags", "plugins", "include"):
        shutil.copytree(repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="session")
def lived(repository: Path) -> dict[str, Any]:
    """The summary of one demo, run as `CI=true make demo` runs it."""
    environment = os.environ | {"CI": "true", "PYTHONPATH": str(repository / "plugins")}
    environment.pop("AIRFLOW_HOME", None)
    done = subprocess.run(
        [sys.executable, "-m", "demo"], cwd=repository, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=DEMO_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    summary: dict[str, Any] = json.loads((repository / ".run" / "demo" / "summary.json").read_text())
    return summary


@pytest.fixture(scope="session")
def airflow(lived: dict[str, Any], repository: Path, project: Path) -> Iterator[Standalone]:
    """A real Airflow on the drop-in, with what the demo left behind."""
    server = Standalone(repository / ".run" / "demo" / "airflow", project, {"PYTHONPATH": ""})
    with running(server):
        yield server
