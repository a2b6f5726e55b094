"""Sensors look once, then defer; their triggers survive serialization and fire on real lakes and registries."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.module_loading import import_string

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.errors import SpecError
from ai_patterns.sensors.metric_holds import MetricHoldsSensor
from ai_patterns.sensors.model_ready import ModelReadySensor
from ai_patterns.sensors.partition_published import PartitionPublishedSensor
from ai_patterns.sensors.service_ready import ServiceReadySensor
from ai_patterns.triggers.service_ready import ServiceReadyTrigger

FLIGHTS = Path(__file__).resolve().parents[3] / "include" / "systems" / "flights"


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.setenv("AI_PATTERNS_LAKE", str(tmp_path))
    return Lake(str(tmp_path), "flights")


class Ready(BaseHTTPRequestHandler):
    """Answers every GET with 200."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def http_server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def rows_of(date):
    return pa.table({"day": pa.array([date], pa.date32()), "flight_id": ["UA-1"]})


def publish(lake, *days):
    for day in days:
        date = dt.date.fromisoformat(day)
        lake.replace_days("events/arrived", rows_of(date), Days(date, date))


def defer(sensor):
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute({"params": {}})
    return caught.value.trigger


async def first_event(trigger):
    return await asyncio.wait_for(anext(trigger.run()), timeout=20)


def test_published_days_are_there_at_once(lake):
    publish(lake, "2013-01-01", "2013-01-02")
    sensor = PartitionPublishedSensor(
        task_id="wait", system=FLIGHTS, table="events/arrived", days="2013-01-01/2013-01-02"
    )
    assert sensor.execute({"params": {}}) == "2013-01-01/2013-01-02"


def test_a_missing_day_is_waited_for(lake):
    publish(lake, "2013-01-01")
    key = "2013-01-01/2013-01-02"
    sensor = PartitionPublishedSensor(
        task_id="wait", system=FLIGHTS, table="events/arrived", days=key, poke_interval=0.05
    )
    path, arguments = defer(sensor).serialize()

    async def late():
        waiting = asyncio.create_task(first_event(import_string(path)(**arguments)))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await asyncio.to_thread(publish, lake, "2013-01-02")
        return await waiting

    event = asyncio.run(late())
    assert sensor.execute_complete({}, event.payload) == key


def test_a_model_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("AI_PATTERNS_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    path, arguments = defer(ModelReadySensor(task_id="wait", system=FLIGHTS, newer_than="3")).serialize()
    assert path.endswith("ModelReadyTrigger")
    assert (arguments["alias"], arguments["newer_than"]) == ("champion", 3)


def test_a_service_is_waited_for_and_found(monkeypatch):
    monkeypatch.setenv("AI_PATTERNS_SERVING_URL", "http://127.0.0.1:9")
    trigger = defer(ServiceReadySensor(task_id="wait", poke_interval=0.2))
    assert isinstance(trigger, ServiceReadyTrigger)

    with http_server() as url:
        event = asyncio.run(first_event(ServiceReadyTrigger(url=url, poll_interval=1)))
    assert event.payload == url


def test_a_metric_is_waited_for_while_prometheus_is_away(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_PROMETHEUS", "http://127.0.0.1:9")
    sensor = MetricHoldsSensor(
        task_id="wait", query="up", comparison=">=", bound=1, held_for=dt.timedelta(minutes=5), poke_interval=3
    )
    path, arguments = defer(sensor).serialize()
    assert import_string(path)(**arguments).serialize() == (path, arguments)
    assert (arguments["url"], arguments["seconds"], arguments["poll_interval"]) == ("http://127.0.0.1:9", 300, 3)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"comparison": "=<"}, "comparison"), ({"bound": float("nan")}, "bound"), ({"held_for": -1}, "held_for")],
)
def test_a_wrong_condition_fails_where_the_dag_is_read(wrong, field):
    held_for = dt.timedelta(seconds=wrong.pop("held_for", 0))
    with pytest.raises(SpecError, match=field):
        MetricHoldsSensor(task_id="w", query="up", held_for=held_for, **{"comparison": ">", "bound": 1} | wrong)
