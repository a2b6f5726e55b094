"""The operators in an existing Airflow 3.1, which has neither partitions nor retry policies."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.provider import HOOKS, OPERATORS, SENSORS, TRIGGERS
from client_environments import client_python

LAYERS = {"hooks": HOOKS, "operators": OPERATORS, "sensors": SENSORS, "triggers": TRIGGERS}
DAY = Days.parse("2024-03-02")


@pytest.fixture(scope="module")
def python(repository: Path) -> Path:
    return client_python(repository, "airflow-3.1")


def run(python: Path, home: Path, *arguments: str, **variables: str) -> str:
    """Run that Python with this package dropped in; what it says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AI_PATTERNS"))}
    settings = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONPATH": str(home / "plugins")}
    command = [python, *arguments]
    done = subprocess.run(
        command,
        env={**kept, **settings, **variables},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def home(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AIRFLOW_HOME with the drop-in and a DAG of its own."""
    home = tmp_path_factory.mktemp("airflow-3.1")
    shutil.copytree(repository / "plugins", home / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "dags").mkdir()
    shutil.copy(repository / "tests/public_clients/airflow_dag.py", home / "dags" / "bikes.py")
    return home


def test_every_module_of_the_provider_imports(python: Path, home: Path) -> None:
    names = [f"ai_patterns.{layer}.{name}" for layer, stems in LAYERS.items() for name in stems]
    script = (
        f"import airflow, importlib\nfor name in {names}: importlib.import_module(name)\nprint(airflow.__version__)"
    )
    assert run(python, home, "-c", script).split()[-1].startswith("3.1.")


def test_a_dag_of_operators_runs(python: Path, home: Path, docks_folder: Path) -> None:
    places = {"DOCKS": str(docks_folder), "AI_PATTERNS_LAKE": str(home / "lake")}
    run(python, home, "-m", "airflow", "db", "migrate")
    run(python, home, "-m", "airflow", "dags", "test", "bikes", **places)
    lake = Lake(str(home / "lake"), "docks")
    assert lake.read("events/counted", DAY).num_rows == 24 * 3
    assert lake.read("tiles/station", DAY).num_rows > 0
    assert lake.read("dimensions/stations").num_rows == 3
