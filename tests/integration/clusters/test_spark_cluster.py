"""One DAG on Spark's own cluster and on YARN with HDFS: only connections change, tables equal DuckDB's to the bit."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from ai_patterns.cli import main
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.backfill import backfill
from ai_patterns.jobs.correction import Correction
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.runtimes.cluster import Part
from ai_patterns.runtimes.hadoop import Hadoop
from ai_patterns.runtimes.hadoop_parts import DataNode
from ai_patterns.runtimes.spark_cluster import Spark
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec
from demo.rest import AirflowClient
from demo.standalone import Standalone, running
from exact_tables import assert_equal_tables, content, hard_events
from seeded_streams import made_up_system
from shop import orders, shop

DAG_ID, TASK_ID = "on_a_cluster", "build_features"
DAG_FILE = """
from datetime import timedelta
from airflow.sdk import DAG
from ai_patterns.operators.spark_features import SubmitSparkFeaturesOperator

with DAG("on_a_cluster", schedule=None):
    SubmitSparkFeaturesOperator(
        task_id="build_features", system="SYSTEM", days="DAYS", retries=1, retry_delay=timedelta(0),
        num_executors=1, total_executor_cores=1, executor_cores=1, executor_memory="512m", driver_memory="512m",
        conf={"spark.sql.shuffle.partitions": "2"},
    )
"""
SECONDS = 600.0
T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """An Airflow with one DAG, both clusters, and the events that the DAG works on."""

    system: SystemSpec
    client: AirflowClient
    spark: Spark
    hadoop: Hadoop
    ours: Lake

    def connect(self, connections: dict[str, dict[str, Any]]) -> None:
        """Set connections."""
        known = {each["connection_id"] for each in self.client.call("GET", "/connections")["connections"]}
        for name, told in connections.items():
            body = {"connection_id": name, **told, "extra": json.dumps(told.get("extra", {}))}
            method, path = ("PATCH", f"/connections/{name}") if name in known else ("POST", "/connections")
            self.client.call(method, path, json=body)

    def fill(self, uri: str) -> Lake:
        """A lake with the events alone."""
        lake = Lake(uri, self.system.name)
        lake.replace_days("events/events", *hard_events())
        return lake

    def task(self, run_id: str, more: str = "") -> dict[str, Any]:
        """What Airflow tells of the run's task."""
        told: dict[str, Any] = self.client.call("GET", f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{TASK_ID}{more}")
        return told


def wait(look: Callable[[], T], told: Callable[[], Any] = str) -> T:
    """What is found, once it is there."""
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, told()
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def hadoop(tmp_path_factory: pytest.TempPathFactory, require_program) -> Iterator[Hadoop]:
    for program in ("java", "mvn"):
        require_program(program)
    home = tmp_path_factory.mktemp("runtimes")
    try:
        assert main(["up", "hadoop", "--home", str(home)]) == 0
        yield Hadoop(home / "hadoop")
    finally:
        main(["down", "hadoop", "--home", str(home)])


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory, require_program) -> Iterator[Spark]:
    require_program("java")
    home = tmp_path_factory.mktemp("a home")
    try:
        assert main(["up", "spark", "--home", str(home)]) == 0
        yield Spark(home / "spark")
    finally:
        main(["down", "spark", "--home", str(home)])


@pytest.fixture(scope="module")
def site(hadoop: Hadoop, spark: Spark, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    system = made_up_system("made_up", "made_up.events")
    system = system.model_copy(update={"groups": {"by_name": system.groups["by_name"]}})
    folder, dags = home / "made_up", home / "project" / "dags"
    for made in (folder, dags):
        made.mkdir(parents=True)
    (folder / "system.yaml").write_text(system.model_dump_json(), "utf-8")
    (folder / "events.sql").write_text("SELECT * FROM events", "utf-8")
    _, days = hard_events()
    (dags / "on_a_cluster.py").write_text(DAG_FILE.replace("SYSTEM", str(folder)).replace("DAYS", str(days)), "utf-8")
    environment = {**hadoop.environment, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    environment["PYTHONPATH"] = str(repository / "plugins")
    with running(Standalone(home / "airflow", home / "project", environment)) as airflow:
        client = AirflowClient(airflow.url, airflow.user, airflow.password)
        client.wait_for_dag(DAG_ID, SECONDS)
        client.unpause(DAG_ID)
        site = Site(load_system(folder), client, spark, hadoop, Lake(str(home / "duckdb"), "made_up"))
        site.fill(site.ours.uri)
        build_features(site.system, site.ours, days)
        yield site


def test_the_dag_runs_on_sparks_own_cluster(site: Site, tmp_path: Path) -> None:
    theirs = site.fill(str(tmp_path))
    spark = {"conn_type": "spark", "host": site.spark.master_url}
    site.connect({"ai_patterns_spark": spark, "ai_patterns_lake": {"conn_type": "generic", "host": str(tmp_path)}})
    run_id = site.client.trigger(DAG_ID)
    assert site.client.wait(DAG_ID, run_id, seconds=SECONDS) == "success"
    assert_equal_tables(site.system, site.ours, theirs)
    (application,) = site.spark.parts[0].told("/json/")["completedapps"]
    assert application["state"] == "FINISHED"


def test_on_yarn_a_killed_task_finds_its_application_again(site: Site) -> None:
    theirs = site.fill(f"{site.hadoop.uri}/lake")
    site.connect(site.hadoop.connections)
    run_id = site.client.trigger(DAG_ID)
    link = wait(lambda: site.task(run_id, "/links")["extra_links"].get("Spark application"), lambda: site.task(run_id))
    application = link.rpartition("/")[2]
    wait(lambda: applications(site) == [(application, "RUNNING", "UNDEFINED")], lambda: applications(site))
    assert application in httpx.get(link, follow_redirects=True, timeout=30).text
    os.kill(site.task(run_id)["pid"], signal.SIGKILL)
    assert site.client.wait(DAG_ID, run_id, seconds=SECONDS) == "success"
    assert applications(site) == [(application, "FINISHED", "SUCCEEDED")]
    assert site.task(run_id)["try_number"] == 2
    assert site.task(run_id, "/links")["extra_links"]["Spark application"] == link
    assert_equal_tables(site.system, site.ours, theirs)


def applications(site: Site) -> list[tuple[str, str, str]]:
    """YARN's list."""
    told = site.hadoop.resource_manager.told("/ws/v1/cluster/apps") or {}
    found = (told.get("apps") or {}).get("app", [])
    return [(each["id"], each["state"], each["finalStatus"]) for each in found]


def test_a_lake_on_hdfs_is_like_one_in_a_folder(hadoop: Hadoop, tmp_path: Path) -> None:
    days, third = Days.parse("2024-01-01/2024-01-04"), Days.parse("2024-01-03")
    lines = {str(day): orders(40, str(day)) for day in days}
    old = shop(tmp_path, [line for each in lines.values() for line in each])
    lakes = [Lake(f"{hadoop.uri}/shops", "shop"), Lake(str(tmp_path / "lake"), "shop")]
    for lake in lakes:
        ingest(old, lake, days, run_id="first")
        build_features(old, lake, days)
        build_training_set(old, lake, days)
    lines[str(third.first)] = [line.replace(",north,", ",south,") for line in lines[str(third.first)][1:]]
    corrected = shop(tmp_path, [line for each in lines.values() for line in each])
    before = content(lakes[0], "values/shop_now")
    replaced = [backfill(corrected, lake, Correction.of(corrected, third)) for lake in lakes]
    assert replaced[0] == replaced[1]
    assert content(lakes[0], "values/shop_now") != before
    kill(DataNode(hadoop.home))
    assert hadoop.up()
    for table in ("events/orders", "tiles/shop_now", "values/shop_now", "training_sets"):
        assert content(lakes[0], table) == content(lakes[1], table), table


def kill(part: Part) -> None:
    (group,) = part.groups
    os.killpg(group, signal.SIGKILL)
    wait(lambda: not part.groups)
