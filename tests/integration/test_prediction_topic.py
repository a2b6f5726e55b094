"""Predictions by a real Kafka: what the service answered is in the lake once, whoever dies or repeats on the way."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

import bakery
from ai_patterns.cli import main
from ai_patterns.clients.dead_letters import read_letters
from ai_patterns.clients.kafka import Broker, Record
from ai_patterns.clients.lake import Lake
from ai_patterns.core.exploration import Assignment
from ai_patterns.core.prediction_messages import decode
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.prediction_topic import topic_of
from ai_patterns.core.predictions import PARTITIONS, SHADOW_TABLE, TABLE
from ai_patterns.errors import FencedError
from ai_patterns.jobs import prediction_topic
from ai_patterns.jobs.landing import LandingReport
from ai_patterns.jobs.prediction_topic import land_predictions
from ai_patterns.operators.prediction_topic import LandPredictionsOperator
from ai_patterns.services.inference.lake_sink import LakeSink, log_table
from ai_patterns.services.inference.logged import Scored
from ai_patterns.services.inference.topic_sink import TopicSink
from import_watch import HEAVY, ImportWatch
from inference_site import KEY, NOON, Site, environment, site
from landing_process import forks
from prediction_landing import MOMENTS, baking, land_and_die
from server_process import Server, running, wait_until

__all__ = ["site"]

ROW = {"order_id": 1, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": 0.5, "gift": False}
ROOM = 60
"""Rows that the service's log holds."""


@pytest.fixture
def broker(kafka) -> Broker:
    return Broker(kafka.address)


@pytest.fixture
def topic() -> str:
    return f"bakery.predictions-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "bakery")


def with_topic(topic: str, parent: Path) -> Path:
    """The bakery's folder, with a topic of its own."""
    copy = Path(shutil.copytree(bakery.FOLDER, parent / "systems" / "bakery"))
    text = (copy / "system.yaml").read_text("utf-8")
    (copy / "system.yaml").write_text(text.replace("topic: bakery.predictions", f"topic: {topic}"), "utf-8")
    return copy


@pytest.fixture
def folder(topic: str, tmp_path: Path) -> Path:
    return with_topic(topic, tmp_path)


@pytest.fixture(scope="module")
def served() -> str:
    """The topic of the service."""
    return f"bakery.predictions-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> ImportWatch:
    return ImportWatch(tmp_path_factory.mktemp("watch"))


@pytest.fixture(scope="module")
def server(site: Site, served: str, kafka, watch: ImportWatch, tmp_path_factory) -> Iterator[Server]:
    """The service; its lake is a folder that nobody can make, so it cannot have written there."""
    home = tmp_path_factory.mktemp("service")
    (home / "nowhere").write_text("")
    command = [*site.command(str(home / "nowhere")), "--system-folder", str(with_topic(served, home))]
    command += ["--kafka", kafka.address, "--queue-rows", str(ROOM)]
    with running(command, home / "server.log", watch.over(environment())) as server:
        wait_until(lambda: httpx.get(f"{server.url}/ready", timeout=90).status_code == 200, 60, server.output)
        yield server


def ask(server: Server, first: int, rows: int = 3) -> httpx.Response:
    body = {"instances": [{**ROW, "order_id": first + row, "grams": (first + row) / 7} for row in range(rows)]}
    return httpx.post(f"{server.url}/invocations", json=body, headers={"X-API-Key": KEY}, timeout=90)


def gauge(server: Server, name: str) -> float:
    lines = httpx.get(f"{server.url}/metrics", timeout=90).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"ai_patterns_inference_{name} "))


def told(answers: list[httpx.Response]) -> dict[str, float]:
    """Score of each prediction's id, as the clients were told."""
    bodies = [answer.json() for answer in answers]
    return {
        name: score for body in bodies for name, score in zip(body["prediction_ids"], body["predictions"], strict=True)
    }


def landed(lake: Lake, table: str = TABLE) -> dict[str, float]:
    rows = lake.read(table)
    found = dict(zip(rows["prediction_id"].to_pylist(), rows["score"].to_pylist(), strict=True))
    assert len(found) == rows.num_rows, "an id is there twice"
    return found


def test_what_is_answered_lands_once(server: Server, lake: Lake, broker: Broker, served: str) -> None:
    system, answers = baking(served), list[httpx.Response]()
    land_predictions(system, lake, broker)
    asking = [threading.Thread(target=lambda n=n: answers.append(ask(server, n))) for n in range(0, 30, 3)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    wait_until(lambda: gauge(server, "log_queue_rows") == 0, 60, server.output)
    assert land_predictions(system, lake, broker).rows == 30
    assert told(answers).items() <= landed(lake).items()
    assert lake.read(TABLE).schema.equals(prediction_schema(system))
    assert lake.open(TABLE).metadata().partition_columns == [*PARTITIONS]
    version = lake.version(TABLE)
    assert land_predictions(system, lake, broker).rows == 0
    assert lake.version(TABLE) == version


def test_to_answer_and_to_send_takes_no_arrow(server: Server, watch: ImportWatch) -> None:
    assert ask(server, 0).status_code == 200
    wait_until(lambda: gauge(server, "log_queue_rows") == 0, 60, server.output)
    assert watch.seen() & {*HEAVY, "msgspec"} == {"msgspec"}


def test_a_broker_that_hangs_delays_nobody_and_gets_what_was_answered(
    server: Server, lake: Lake, broker: Broker, kafka, served: str
) -> None:
    system, full = baking(served), ROOM // 3
    land_predictions(system, lake, broker)
    with hanging(kafka):
        answers = [ask(server, 3 * number) for number in range(full + 3)]
        assert [answer.status_code for answer in answers] == [200] * full + [503] * 3
        assert answers[-1].json()["conn_id"] == "ai_patterns_kafka"
        assert f"the prediction log is full ({ROOM} rows wait)" in answers[-1].json()["detail"]
        wait_until(lambda: gauge(server, "log_failures") > 0, 60, server.output)
        assert (gauge(server, "log_queue_rows"), gauge(server, "log_refused_rows")) == (ROOM, 9)
    wait_until(lambda: gauge(server, "log_queue_rows") == 0, 120, server.output)
    assert land_predictions(system, lake, broker).rows == ROOM
    assert told(answers[:full]).items() <= landed(lake).items()


@contextmanager
def hanging(kafka) -> Iterator[None]:
    """The broker neither answers nor ends: what reaches it meanwhile, it may take when it goes on."""
    groups = kafka.groups
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)


def scored(count: int, **more: Any) -> Scored:
    """Rows as the service hands them to its log."""
    system, random = bakery.bakery(), np.random.default_rng(count)
    columns = {name: [value] * count for name, value in {**ROW, "placed_at": NOON}.items()}
    columns["order_id"] = list(range(count))
    columns |= {name: random.random(count).tolist() for name in system.model.columns if name not in columns}
    ids, instants = [str(uuid.uuid4()) for _ in range(count)], [NOON + dt.timedelta(days=n % 2) for n in range(count)]
    drawn = Assignment([True] * count, [False] * count, random.random(count).tolist())
    rows = Scored(columns, {}, random.random(count).tolist(), ids, [["shop"]] * count, instants, instants, 1, drawn)
    return replace(rows, **more)


def send(broker: Broker, topic: str, *batches: Scored, table: str = TABLE) -> None:
    system = baking(topic)
    TopicSink(system, broker, topic_of(system, table)).write(batches)


def test_the_table_is_the_one_that_the_lake_would_have_got(broker: Broker, topic: str, lake: Lake, tmp_path) -> None:
    system, rows = baking(topic), scored(50)
    rows.columns["product"][7] = "r" * 3_000_000  # more than a message of Kafka's may be by default
    straight = Lake(str(tmp_path / "straight"), "bakery")
    LakeSink(system, straight).write([rows])
    send(broker, topic, rows)
    assert land_predictions(system, lake, broker).rows == 50
    by_topic, at_once = (each.read(TABLE).sort_by("prediction_id") for each in (lake, straight))
    assert by_topic.equals(at_once)


def test_what_was_sent_twice_lands_once(broker: Broker, topic: str, lake: Lake) -> None:
    system, first, second = baking(topic), scored(5), scored(6)
    broker.create_topic(topic, 3)
    LakeSink(system, lake).write([first])
    send(broker, topic, first, second, second)
    report = land_predictions(system, lake, broker)
    assert (report.rows, report.lag, [*report.offsets], sum(report.offsets.values())) == (6, 0, [0, 1, 2], 17)
    send(broker, topic, second, first)
    report = land_predictions(system, lake, broker)
    assert (report.rows, report.lag, sum(report.offsets.values())) == (0, 0, 28)
    assert len(landed(lake)) == 11


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_landing_that_is_killed_loses_and_doubles_nothing(kafka, broker, topic, lake, moment) -> None:
    system, rows = baking(topic), scored(20)
    send(broker, topic, rows)
    with broker.producer() as producer:
        producer.send(topic, Record(b'{"score": ', b"k"))
    child = forks().Process(target=land_and_die, args=(kafka.address, lake.uri, topic, moment))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    report = land_predictions(system, lake, broker)
    assert (report.rows, report.refused) == ({"before the commit": 20, "after the commit": 0}[moment], {})
    assert landed(lake) == dict(zip(rows.ids, rows.scores, strict=True))
    assert [letter.source for letter in read_letters(broker, topic)] == [(0, 20)]


def test_of_two_landings_the_later_one_takes_over(broker, topic, lake, monkeypatch) -> None:
    system, rows = baking(topic), scored(5)
    send(broker, topic, rows)
    overtaken = list[LandingReport]()

    def slowly(*arguments):
        monkeypatch.undo()
        overtaken.append(land_predictions(system, lake, broker))
        return decode(*arguments)

    monkeypatch.setattr(prediction_topic, "decode", slowly)
    with pytest.raises(FencedError, match=r"took .* over"):
        land_predictions(system, lake, broker)
    assert [report.rows for report in overtaken] == [5]
    assert landed(lake) == dict(zip(rows.ids, rows.scores, strict=True))


def test_a_table_of_before_the_exploration_gets_its_columns(broker: Broker, topic: str, lake: Lake) -> None:
    system, old, new = baking(topic), scored(3, assignment=None), scored(4)
    lake.append(TABLE, log_table(system, [old]).drop_columns(["explored", "holdout", "propensity"]), PARTITIONS)
    send(broker, topic, new)
    assert land_predictions(system, lake, broker).rows == 4
    propensities = lake.read(TABLE)["propensity"]
    assert (len(propensities), propensities.null_count) == (7, 3)


@pytest.fixture
def task(kafka, folder: Path, lake: Lake, monkeypatch) -> Any:
    """Runs the operator's task on this module's broker."""
    monkeypatch.setenv("AI_PATTERNS_LAKE", lake.uri)
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(folder.parent))
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_KAFKA", f"kafka://{kafka.address}")
    return lambda: LandPredictionsOperator(task_id="land_predictions", system=folder).execute({"params": {}})


def test_the_operator_and_the_command_land_the_shadows_scores_too(task, broker, topic, lake, capsys) -> None:
    with pytest.raises(AirflowSkipException, match="hold nothing new"):
        task()
    rows = scored(7)
    shadowed = replace(rows, scores=[0.0] * 7, assignment=None, mode="shadow")
    send(broker, topic, rows)
    send(broker, topic, shadowed, table=SHADOW_TABLE)
    assert task() == {TABLE: 7, SHADOW_TABLE: 7, "refused": 0, "lag": 0}
    assert landed(lake) == dict(zip(rows.ids, rows.scores, strict=True))
    assert landed(lake, SHADOW_TABLE) == dict.fromkeys(rows.ids, 0.0)
    send(broker, topic, shadowed)
    assert task() == {TABLE: 0, SHADOW_TABLE: 0, "refused": 7, "lag": 0}
    assert len(landed(lake)) == 7
    assert main(["land", "bakery", "--servers", broker.servers]) == 0
    assert capsys.readouterr().out.endswith(
        "predictions: 0 rows, 0 refused, lag 0\nshadow_predictions: 0 rows, 0 refused, lag 0\n"
    )


def test_without_kafka_or_a_topic_the_task_says_so(folder: Path, lake: Lake, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_LAKE", lake.uri)
    operator = LandPredictionsOperator(task_id="land_predictions", system=folder)
    with pytest.raises(AirflowSkipException, match="no broker was started here"):
        operator.execute({"params": {}})
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_KAFKA", "kafka://127.0.0.1:1")
    text = (folder / "system.yaml").read_text("utf-8").splitlines(keepends=True)
    (folder / "system.yaml").write_text("".join(line for line in text if "topic: bakery" not in line), "utf-8")
    with pytest.raises(AirflowFailException, match=r"decision\.topic"):
        LandPredictionsOperator(task_id="land_predictions", system=folder).execute({"params": {}})
