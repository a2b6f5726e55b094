"""The operators, the sensor and the trigger of stream processing, on a real broker and a lake; contexts are dicts."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.sdk.module_loading import import_string

from ai_patterns.cli import main
from ai_patterns.clients.kafka import Broker, Record
from ai_patterns.operators.stream_processing import LandTopicOperator, ReplayDeadLettersOperator
from ai_patterns.sensors.topic_caught_up import TopicCaughtUpSensor
from shop import orders, shop


@pytest.fixture
def topic(kafka) -> str:
    name = f"shop.orders-{uuid.uuid4().hex[:8]}"
    Broker(kafka.address).create_topic(name)
    return name


@pytest.fixture
def folder(kafka, topic, tmp_path, monkeypatch):
    """The shop's folder; its orders come by a topic, and its connection leads to the broker."""
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_LAKE", str(tmp_path / "lake"))
    servers = {"bootstrap.servers": kafka.address, "client.id": "shop"}
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_KAFKA", json.dumps({"conn_type": "kafka", "extra": servers}))
    root = shop(tmp_path, orders(1)).folder
    spec = (root / "system.yaml").read_text().replace("known_time: known\n", f"known_time: known\n    topic: {topic}\n")
    (root / "system.yaml").write_text(spec)
    return root


def send(kafka, topic, *prices) -> None:
    with Broker(kafka.address).producer() as producer:
        for number, price in enumerate(prices):
            row = {"id": f"o{number}", "placed": "2024-01-01T10:00:00Z", "known": "2024-01-01T11:00:00Z"}
            value = json.dumps({**row, "shop": "north", "price": price, "pieces": 1}).encode()
            producer.send(topic, Record(value, b"k"))


def run(operator, folder, context=None, **arguments):
    return operator(task_id="step", system=folder, **arguments).execute({"params": {}, **(context or {})})


def test_topics_land_and_dead_letters_go_back(kafka, topic, folder) -> None:
    send(kafka, topic, 1, -2, 3)
    landed, events = Asset("shop/landed"), defaultdict(SimpleNamespace)
    summary = run(LandTopicOperator, folder, {"outlet_events": events}, stream="orders", outlets=[landed])
    assert summary == {"rows": 2, "refused": {"range": 1}, "lag": 0}
    assert events[landed].extra == {"stream": "orders", **summary}
    with pytest.raises(AirflowSkipException, match="holds nothing new"):
        run(LandTopicOperator, folder, stream="orders")
    with pytest.raises(AirflowSkipException, match="no dead letters"):
        run(ReplayDeadLettersOperator, folder)
    assert run(ReplayDeadLettersOperator, folder, {"params": {"replay": "type"}}) == {"orders": 0}
    assert run(ReplayDeadLettersOperator, folder, {"params": {"replay": ""}}) == {"orders": 1}
    assert run(LandTopicOperator, folder, stream="orders")["refused"] == {"range": 1}


def test_a_simulated_clock_is_the_runs(kafka, topic, folder) -> None:
    send(kafka, topic, 1)
    before = {"params": {"as_of": "2024-01-01T10:30:00+00:00"}}
    assert run(LandTopicOperator, folder, before, stream="orders")["refused"] == {"future": 1}


def test_a_stream_without_a_topic_is_never_retried(folder) -> None:
    with pytest.raises(AirflowFailException, match="'absent' has no topic"):
        run(LandTopicOperator, folder, stream="absent")


def test_the_sensor_defers_until_the_lake_has_caught_up(kafka, topic, folder) -> None:
    send(kafka, topic, 1, 2, 3)
    assert run(TopicCaughtUpSensor, folder, max_lag="3") == {"orders": 3}
    with pytest.raises(TaskDeferred) as caught:
        run(TopicCaughtUpSensor, folder, poke_interval=0.1)
    path, arguments = caught.value.trigger.serialize()

    async def late():
        waiting = asyncio.create_task(anext(import_string(path)(**json.loads(json.dumps(arguments))).run()))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        await asyncio.to_thread(run, LandTopicOperator, folder, stream="orders")
        return await asyncio.wait_for(waiting, 20)

    assert asyncio.run(late()).payload == {"orders": 0}
    assert run(TopicCaughtUpSensor, folder) == {"orders": 0}


def test_the_command_lands_counts_and_replays(kafka, topic, folder, monkeypatch, capsys) -> None:
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(folder.parent))
    assert main(["land", "shop"]) == 1
    assert "no broker was started here" in capsys.readouterr().err
    send(kafka, topic, 1, -2, -3)
    servers = ["--servers", kafka.address]
    assert main(["land", "shop", *servers]) == 0
    assert capsys.readouterr().out == "orders: 1 rows, 2 refused, lag 0\n"
    assert main(["dead-letters", "shop", "orders", *servers]) == 0
    assert capsys.readouterr().out.split() == ["2", "range:", "price:", "outside", "0", "to", "1000"]
    assert main(["dead-letters", "shop", "orders", "--reason", "range", "--replay", *servers]) == 0
    assert capsys.readouterr().out == "2 messages are back in the topic\n"
