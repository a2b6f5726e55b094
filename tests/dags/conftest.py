"""A project with two unlike systems, and Airflow's own way of reading DAG files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dag_project import GREENHOUSE, ROOT


@pytest.fixture
def systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of flights and of a greenhouse; the DAG files read it."""
    root = tmp_path / "systems"
    shutil.copytree(ROOT / "include" / "systems" / "flights", root / "flights")
    (root / "greenhouse").mkdir()
    (root / "greenhouse" / "system.yaml").write_text(GREENHOUSE)
    (root / "greenhouse" / "readings.sql").write_text("SELECT * FROM readings")
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(root))
    return root


@pytest.fixture
def read_dags() -> Callable[[], tuple[dict[str, object], dict[str, str]]]:
    """Reads the project's DAG files; returns the DAGs by id and the import errors by file."""

    def read() -> tuple[dict[str, object], dict[str, str]]:
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(dag_folder=str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags")
        return dict(bag.dags), dict(bag.import_errors)

    return read
