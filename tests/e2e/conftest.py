"""One real Airflow for all end-to-end tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.standalone import Standalone, running


@pytest.fixture(scope="session")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drop-in: a fresh folder that holds copies of dags/, plugins/ and include/ and nothing else."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("dags", "plugins", "include"):
        shutil.copytree(repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="session")
def airflow(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A real Airflow on the drop-in."""
    server = Standalone(tmp_path_factory.mktemp("home") / "airflow", project, {"PYTHONPATH": ""})
    with running(server):
        yield server
