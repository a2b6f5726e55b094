"""What a single machine's Airflow must stand: four processes write to one SQLite file."""

from __future__ import annotations

import datetime as dt
import sqlite3
import time

from demo.rest import AirflowClient
from demo.standalone import Standalone
from server_process import wait_until

DAG = "flights__model_as_a_service"
LONGER_THAN_SQLITE_WAITS = 15


def test_a_writer_that_takes_its_time_is_waited_for(airflow: Standalone) -> None:
    client = AirflowClient(airflow.url, airflow.user, airflow.password)
    client.wait_for_dag(DAG)
    writer = sqlite3.connect(airflow.home / "airflow.db", timeout=60, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    time.sleep(LONGER_THAN_SQLITE_WAITS)
    writer.execute("ROLLBACK")
    writer.close()
    released = dt.datetime.now(dt.UTC)
    wait_until(lambda: heard_from_scheduler(client) > released, 60)
    told = [line for line in airflow.log.read_text("utf-8").splitlines() if line.startswith("scheduler")]
    assert not any("database is locked" in line for line in told), "a scheduler that is told so may end for good"


def heard_from_scheduler(client: AirflowClient) -> dt.datetime:
    health = client.call("GET", "/monitor/health")
    return dt.datetime.fromisoformat(health["scheduler"]["latest_scheduler_heartbeat"])
