"""What every test shares: a home for Airflow outside the user's, and programs that must be there."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec
from systems.docks.make_data import write_data

# Before anything imports airflow: its first import writes a configuration into AIRFLOW_HOME.
if "PYTEST_XDIST_WORKER" in os.environ or "AIRFLOW_HOME" not in os.environ:  # a worker inherits its starter's
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="ai-patterns-airflow-")
# A worker's main module has neither file nor spec: PySpark, which MLflow asks for its session, would exit there.
if sys.modules["__main__"].__spec__ is None:
    sys.modules["__main__"].__spec__ = ModuleSpec("__main__", None)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
# DAGs are stored with the plugin's timetable.
os.environ.setdefault("AIRFLOW__CORE__PLUGINS_FOLDER", str(Path(__file__).resolve().parent.parent / "plugins"))
os.environ.setdefault("OMP_NUM_THREADS", "1")

KILLS = 20
CRASH_POINTS = 100
CERTIFIED_DAYS = 3
SWAPS = 20
WORKER_KILLS = 4
BACKFILL_KILLS = 3
FEAST_ROWS = 2_000
FUZZ_EXAMPLES = 10
CHALLENGERS = 300
DRIFT_WEEKS = 40
DRIFT_FAULTS = 4


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make soak` runs the fault tests with more kills, and writes what they lost and doubled."""
    parser.addoption("--kills", type=int, default=KILLS, help="times that a fault test kills its process")
    parser.addoption("--crash-points", type=int, default=CRASH_POINTS, help="calls to each store that end a process")
    parser.addoption("--certified-days", type=int, default=CERTIFIED_DAYS, help="days of flights that are certified")
    parser.addoption("--swaps", type=int, default=SWAPS, help="times that a served model is swapped under load")
    parser.addoption("--worker-kills", type=int, default=WORKER_KILLS, help="kills of a serving worker under load")
    parser.addoption("--backfill-kills", type=int, default=BACKFILL_KILLS, help="kills of a backfill")
    parser.addoption("--feast-rows", type=int, default=FEAST_ROWS, help="rows compared byte by byte with Feast's")
    parser.addoption("--fuzz-examples", type=int, default=FUZZ_EXAMPLES, help="made-up requests an operation")
    parser.addoption("--challengers", type=int, default=CHALLENGERS, help="made-up challengers before the gates")
    parser.addoption("--drift-weeks", type=int, default=DRIFT_WEEKS, help="weeks of each null that must not alarm")
    parser.addoption("--drift-faults", type=int, default=DRIFT_FAULTS, help="times that each fault must be found")
    parser.addoption("--figures", type=Path, help="file for the fault tests' figures (JSON)")


# Debian keeps the server's programs off the search path.
POSTGRES = os.pathsep.join(str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))

RequireProgram = Callable[[str], Path]


@pytest.fixture(scope="session")
def require_program() -> RequireProgram:
    """Path of a system program; without it the test is skipped by name, or fails where CI=true."""

    def require(name: str) -> Path:
        found = shutil.which(name) or shutil.which(name, path=POSTGRES)
        if found is not None:
            return Path(found)
        problem = f"{name} is not installed; tests/packages.txt lists what the tests need"
        if os.environ.get("CI") == "true":
            pytest.fail(problem)
        pytest.skip(problem)

    return require


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's top folder."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def flights(repository: Path) -> SystemSpec:
    """The loaded spec of the example."""
    return load_system(repository / "include" / "systems" / "flights")


@pytest.fixture(scope="session")
def docks_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The second system, unlike flights in every way: bikes, regression, integer keys; with its data."""
    folder = tmp_path_factory.mktemp("systems") / "docks"
    shutil.copytree(Path(__file__).parent / "systems" / "docks", folder)
    write_data(folder / "data")
    return folder


@pytest.fixture(scope="session")
def docks(docks_folder: Path) -> SystemSpec:
    """The loaded spec of the second system."""
    return load_system(docks_folder)
