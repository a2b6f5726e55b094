"""A real Flink makes the tiles that DuckDB makes, also when parts of it die and its job is upgraded."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from ai_patterns.clients.flink import Flink
from ai_patterns.clients.kafka import Broker, Record
from ai_patterns.core.flink_sql import FlinkJob, tiles_job, tiles_topic
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.operators import flink_sql
from ai_patterns.operators.flink_sql import (
    DeployJobOperator,
    FlinkSqlOperator,
    FlinkTilesOperator,
    StopFlinkJobOperator,
)
from ai_patterns.runtimes import flink as runtime
from ai_patterns.runtimes.runtime import free_port
from ai_patterns.spec.system import SystemSpec
from seeded_streams import Row, bad_messages, by_key, duckdb_tiles, first_of_each, made_up_system, random_rows, to_json

SECONDS = 60.0
TOPICS = "flights_on_flink"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, require_program) -> Iterator[runtime.Flink]:
    for program in ("java", "mvn"):
        require_program(program)
    started = runtime.Flink(tmp_path_factory.mktemp("a home") / "flink")
    try:
        assert started.up()
        yield started
    finally:
        started.down()


@pytest.fixture(scope="module")
def flink(cluster) -> Flink:
    return Flink(cluster.gateway_url, "ai_patterns_flink")


class Speed:
    """A made-up system with its topics, its jobs, and what was sent so far."""

    def __init__(self, flink: Flink, broker: Broker, groups: Sequence[str]) -> None:
        name = f"made_up_{uuid.uuid4().hex[:6]}"
        self.flink, self.broker = flink, broker
        self.system: SystemSpec = made_up_system(name, f"{name}.events")
        jobs = {group: tiles_job(self.system, group, {"bootstrap.servers": broker.servers}) for group in groups}
        prompt = {"execution.checkpointing.interval": "500 ms"}  # that often tiles are committed
        self.jobs = {
            group: dataclasses.replace(job, properties={**job.properties, **prompt}) for group, job in jobs.items()
        }
        self.sent: list[Row] = []
        broker.create_topic(f"{name}.events", 2)
        for group in groups:
            broker.create_topic(tiles_topic(name, group), settings={"cleanup.policy": "compact"})
        self.readers = {group: broker.reader(tiles_topic(name, group)) for group in groups}
        self.tiles: dict[str, dict[tuple[Any, ...], Row]] = {group: {} for group in groups}
        for reader in self.readers.values():
            reader.assign()

    def send(self, rows: Sequence[Row]) -> None:
        with self.broker.producer() as producer:
            for row in rows:
                producer.send(f"{self.system.name}.events", Record(to_json(row), row["id"].encode()))
        self.sent += rows

    def deploy(self) -> dict[str, str]:
        return {group: self.flink.deploy(job) for group, job in self.jobs.items()}

    def read(self, seconds: float) -> int:
        """Take in what was committed; a tile's newest record stands, and its key must tell which tile it is."""
        count = 0
        for group, reader in self.readers.items():
            for message in reader.poll(10_000, seconds):
                (entry,) = by_key(self.system.groups[group], [json.loads(message.value)]).items()
                assert tuple(json.loads(message.key).values()) == entry[0]
                self.tiles[group].update([entry])
                count += 1
        return count

    def settle(self) -> None:
        """Wait until every tile equals DuckDB's to the bit; then stop, which commits the rest: they must still be."""
        rows, groups = first_of_each(self.sent), self.system.groups
        want = {group: exact(duckdb_tiles(groups[group], rows)) for group in self.jobs}

        def wrong() -> dict[str, int]:
            """How many tiles of each group differ."""
            return {group: len(dict(want[group].items() ^ exact(tiles).items())) for group, tiles in self.tiles.items()}

        wait(lambda: self.read(0.3) and not any(wrong().values()), wrong)
        for job in self.jobs.values():
            assert self.flink.stop(job.name)
        while self.read(1.0):
            pass
        assert not any(wrong().values())
        for reader in self.readers.values():
            reader.close()


def exact(tiles: Mapping[tuple[Any, ...], Row]) -> dict[tuple[Any, ...], str]:
    """Tiles as text, in which -0.0 is not 0.0 and 1 is neither 1.0 nor true."""
    return {key: json.dumps(tile, sort_keys=True) for key, tile in tiles.items()}


def wait(until: Callable[[], Any], told: Callable[[], Any] = str) -> None:
    deadline = time.monotonic() + SECONDS
    while not until():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


def kill(part) -> None:
    (group,) = part.groups
    os.killpg(group, signal.SIGKILL)
    wait(lambda: not part.groups)


@pytest.fixture
def broker(kafka) -> Broker:
    return Broker(kafka.address)


def test_tiles_equal_those_of_duckdb(flink, broker) -> None:
    speed = Speed(flink, broker, ["everywhere", "by_name", "by_three"])
    rows = [row for seed in range(3) for row in random_rows(seed, 700)]
    with broker.producer() as producer:
        for value in bad_messages(rows[0]):
            producer.send(f"{speed.system.name}.events", Record(value, rows[0]["id"].encode()))
    speed.send(rows)
    speed.deploy()
    speed.settle()


def test_killed_parts_and_an_upgrade_lose_and_double_nothing(cluster, flink, broker) -> None:
    speed = Speed(flink, broker, ["by_three"])
    (job,) = speed.jobs.values()
    speed.send(random_rows(10, 400))
    first = speed.deploy()["by_three"]
    wait(lambda: flink.jobs.runs(first))

    kill(cluster.task_manager)
    speed.send(random_rows(11, 400))
    assert cluster.up(), "the TaskManager was dead"
    wait(lambda: flink.jobs.checkpoints(first)["restored"] > 0 and flink.jobs.runs(first))
    assert speed.deploy() == {"by_three": first}, "the same statements are the same job"

    longer = {**job.properties, "table.exec.state.ttl": "30 d", "table.exec.mini-batch.size": "100"}
    tables = tuple(table.replace("'600000'", "'300000'") for table in job.tables)
    speed.jobs["by_three"] = dataclasses.replace(job, tables=tables, properties=longer)
    second = speed.deploy()["by_three"]
    assert second != first
    speed.send(random_rows(12, 400))
    wait(lambda: flink.jobs.runs(second))
    assert flink.jobs.checkpoints(second)["restored"] == 1

    kill(cluster.job_manager)
    speed.send(random_rows(13, 400))
    assert cluster.up(), "the JobManager was dead"
    third = speed.deploy()["by_three"]
    wait(lambda: flink.jobs.runs(third))
    assert flink.jobs.checkpoints(third)["restored"] == 1
    speed.settle()
    flink.prune(job.name, keep=1)
    assert len(flink.snapshots(job.name).all()) == 1


def test_refusals_tell_their_cause(flink) -> None:
    with pytest.raises(ServiceRejectedError, match=r"refused .*absent.*'ai_patterns_flink'"):
        flink.deploy(FlinkJob("wrong", (), "INSERT INTO absent SELECT 1", {}))
    away = Flink(f"http://127.0.0.1:{free_port()}", "ai_patterns_flink")
    with pytest.raises(ServiceUnavailableError, match=r"`ai-patterns up flink`.*'ai_patterns_flink'"):
        away.deploy(FlinkJob("any", (), "INSERT INTO absent SELECT 1", {}))
    assert flink.stop("no such job") is None


COUNT = ("CREATE TEMPORARY TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10')",
    "CREATE TEMPORARY TABLE nothing (n BIGINT) WITH ('connector' = 'blackhole')")  # fmt: skip


@pytest.fixture
def connection(cluster, monkeypatch) -> None:
    told = {"conn_type": "http", "host": "127.0.0.1", "port": cluster.port}
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_FLINK", json.dumps(told))


def run(task: DeployJobOperator) -> dict[str, str]:
    """What the task comes to, its waiting done as the triggerer does."""
    try:
        return task.execute({})
    except TaskDeferred as deferred:
        events = deferred.trigger.run()
        return getattr(task, deferred.method_name)({}, asyncio.run(anext(events)).payload)


def test_operators_submit_once_upgrade_and_stop(connection, flink, monkeypatch) -> None:
    monkeypatch.setattr(flink_sql, "POLL_SECONDS", 0.2)

    def task(**told: Any) -> FlinkSqlOperator:
        insert = "INSERT INTO nothing SELECT n FROM numbers"
        return FlinkSqlOperator(task_id="count", job_name="count", tables=COUNT, insert=insert, **told)

    first, again = run(task()), run(task(deferrable=False))
    assert first == again == {"job_id": first["job_id"], "name": "count", "state": "RUNNING"}
    upgraded = task(properties={"table.exec.state.ttl": "1 d"})
    assert run(upgraded)["job_id"] != first["job_id"]
    upgraded.on_kill()
    assert flink.jobs.find("count") is None
    assert StopFlinkJobOperator(task_id="stop", job_name="count").execute({}) is None
    third = run(task())
    assert flink.jobs.checkpoints(third["job_id"])["restored"] == 1
    assert "savepoint" in str(StopFlinkJobOperator(task_id="stop", job_name="count").execute({}))
    changed = FlinkSqlOperator(
        task_id="count", job_name="count", tables=COUNT, insert="INSERT INTO nothing SELECT -n FROM numbers"
    )
    with pytest.raises(AirflowFailException, match="another query than the one whose state is there"):
        run(changed)
    changed.rebuild = "True"
    fourth = run(changed)
    assert flink.jobs.checkpoints(fourth["job_id"])["restored"] == 0
    with pytest.raises(AirflowFailException, match="another query"):
        run(task())
    assert run(changed) == fourth, "a retry must not start it anew"
    changed.on_kill()
    wrong = FlinkSqlOperator(task_id="wrong", job_name="wrong", insert="INSERT INTO absent SELECT 1")
    with pytest.raises(AirflowFailException, match=r"ServiceRejectedError.*absent"):
        wrong.execute({})


@pytest.fixture
def flights(repository, tmp_path) -> Path:
    """The flights' folder with topics of its own: those of other tests on the same broker hold other messages."""
    folder = shutil.copytree(repository / "include" / "systems" / "flights", tmp_path / "flights")
    told = folder / "system.yaml"
    told.write_text(told.read_text("utf-8").replace("topic: flights.", f"topic: {TOPICS}."), "utf-8")
    return folder


def test_a_groups_tiles_by_operator(connection, flink, broker, monkeypatch, flights) -> None:
    monkeypatch.setattr(flink_sql, "POLL_SECONDS", 0.2)
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_KAFKA", f"kafka://{broker.servers}")
    broker.create_topic(f"{TOPICS}.departed")
    plane = {"flight_id": "1", "carrier": "UA", "flight": "1", "origin": "EWR", "dest": "IAH", "tailnum": "N1"}
    event = {**plane, "departed_at": "2013-01-01T10:17:00+00:00", "dep_delay": 2.5, "departed_late": False}
    with broker.producer() as producer:
        for changes in ({}, {}, {"flight_id": "2", "origin": "LHR"}, {"flight_id": "3", "dep_delay": 3}):
            producer.send(f"{TOPICS}.departed", Record(json.dumps({**event, **changes}).encode()))
    task = FlinkTilesOperator(task_id="tiles", system=flights, group="plane_out")
    found: list[Row] = []
    with broker.reader(run(task)["name"]) as reader:
        reader.assign()
        wait(lambda: found.extend(map(json.loads, (each.value for each in reader.poll(10, 0.3)))) or found)
    task.on_kill()
    at = 1_357_035_420_000_000
    newest = {"o0": at, "o1": at, "o2": "3", "v0": 3.0, "v1": at}
    end = at + 180_000_000
    tile = {"tailnum": "N1", "tile_end": end, "known_tile": end - 300_000_000, "events": 2, "newest": newest}
    assert found[-1] == tile


def test_a_bounded_job_is_awaited_to_its_end_and_a_failing_one_tells_why(connection, monkeypatch) -> None:
    monkeypatch.setattr(flink_sql, "POLL_SECONDS", 0.2)
    settings = {"restart-strategy.type": "none"}
    for expression, ends in (("1", "FINISHED"), ("CAST(text AS BIGINT)", None)):
        insert = f"INSERT INTO nothing SELECT {expression} FROM (VALUES ('word')) AS words(text)"
        task = FlinkSqlOperator(
            task_id="once", job_name="once", tables=COUNT[1:], insert=insert, properties=settings, until="finished"
        )
        if ends:
            assert run(task)["state"] == ends
        else:
            with pytest.raises(AirflowFailException, match=r"NumberFormatException|word"):
                run(task)
