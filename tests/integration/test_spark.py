"""Spark and DuckDB make equal tables from one SQL text: on streams that are hard on both, and on real flights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.spark_features import build_features_on_spark
from ai_patterns.runtimes.spark import local_session
from ai_patterns.spec.system import SystemSpec
from exact_tables import assert_equal_tables, hard_events
from seeded_streams import made_up_system

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAG_FILE = """
from airflow.sdk import DAG
from ai_patterns.operators.spark_features import SubmitSparkFeaturesOperator

with DAG("batch", schedule=None, params={"days": "DAYS", "as_of": None}) as dag:
    SubmitSparkFeaturesOperator(task_id="build_features", system="SYSTEM", conf={"spark.sql.shuffle.partitions": "2"})
"""
RUN = """
import sys
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

DagBundlesManager().sync_bundles_to_db()
bag = DagBag(dag_folder=sys.argv[1], bundle_path=sys.argv[1], bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
sync_bag_to_db(bag, "dags-folder", None)
assert bag.dags["batch"].test().state == "success"
"""
DOCKS = Days.parse("2024-03-30/2024-04-02")
FLIGHTS = Days.parse("2013-03-09/2013-03-10")
"""New York's clocks change in the night between."""


@pytest.fixture(scope="module")
def session(require_program) -> Iterator[SparkSession]:
    for program in ("java", "mvn"):
        require_program(program)
    with local_session("local[2]", {"spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false"}) as session:
        yield session


def both(system: SystemSpec, tmp_path: Path, fill: Any) -> tuple[Lake, Lake]:
    """Two lakes with the same events."""
    lakes = Lake(str(tmp_path / "duckdb"), system.name), Lake(str(tmp_path / "spark"), system.name)
    for lake in lakes:
        fill(lake)
    return lakes


def test_hard_streams(session: SparkSession, tmp_path: Path) -> None:
    system = made_up_system("made_up", "made_up.events")
    events, days = hard_events()
    ours, theirs = both(system, tmp_path, lambda lake: lake.replace_days("events/events", events, days))
    build_features(system, ours, days)
    build_features_on_spark(system, session, theirs.path("").rstrip("/"), days)
    assert_equal_tables(system, ours, theirs)


def test_flights_and_again_by_the_other_engine(flights: SystemSpec, session: SparkSession, tmp_path: Path) -> None:
    groups = {name: flights.groups[name] for name in ("weather_now", "everywhere", "carrier_now")}
    system = flights.model_copy(update={"groups": groups})
    ours, theirs = both(system, tmp_path, lambda lake: ingest(system, lake, FLIGHTS, run_id="first"))
    build_features(system, ours, FLIGHTS)
    build_features_on_spark(system, session, theirs.path("").rstrip("/"), FLIGHTS)
    assert_equal_tables(system, ours, theirs)
    build_features(system, theirs, FLIGHTS)
    assert_equal_tables(system, ours, theirs)


def test_a_task_submits_it(docks: SystemSpec, tmp_path: Path, require_program) -> None:
    require_program("java")
    home = tmp_path / "home"
    ours, theirs = Lake(str(tmp_path / "duckdb"), "docks"), Lake(str(home / ".run" / "lake"), "docks")
    for lake in (ours, theirs):
        ingest(docks, lake, DOCKS, run_id="first")
    build_features(docks, ours, DOCKS)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "batch.py").write_text(DAG_FILE.replace("SYSTEM", str(docks.folder)).replace("DAYS", str(DOCKS)))
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AI_PATTERNS_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    for command in (["-m", "airflow", "db", "migrate"], ["-c", RUN, str(dags)]):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert_equal_tables(docks, ours, theirs)
