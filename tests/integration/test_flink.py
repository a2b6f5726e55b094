"""A real Flink makes the tiles that DuckDB makes, also when parts of it die and its job is upgraded."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from ai_patterns.clients.flink import Flink
from ai_patterns.clients.kafka import Broker, Record
from ai_patterns.core.flink_sql import FlinkJob, tiles_job, tiles_topic
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.runtimes import flink as runtime
from ai_patterns.runtimes.runtime import free_port
from ai_patterns.spec.system import SystemSpec
from seeded_streams import Row, by_key, duckdb_tiles, first_of_each, made_up_system, random_rows, to_json

SECONDS = 60.0


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
        self.jobs = {group: tiles_job(self.system, group, {"bootstrap.servers": broker.servers}) for group in groups}
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

    def wrong(self) -> dict[str, int]:
        """How many tiles of each group differ from DuckDB's, to the bit."""
        found = {}
        for group, tiles in self.tiles.items():
            want = duckdb_tiles(self.system.groups[group], first_of_each(self.sent))
            found[group] = sum(exact(tiles.get(key)) != exact(want.get(key)) for key in {*want, *tiles})
        return found

    def settle(self) -> None:
        """Wait until every tile is right; then stop, which commits whatever there is: they must still be."""
        wait(lambda: self.read(0.3) and not any(self.wrong().values()), self.wrong)
        for job in self.jobs.values():
            assert self.flink.stop(job.name)
        while self.read(1.0):
            pass
        assert not any(self.wrong().values())
        for reader in self.readers.values():
            reader.close()


def exact(tile: Row | None) -> str:
    return json.dumps(tile, sort_keys=True)


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
    speed = Speed(flink, broker, ["everywhere", "by_name", "by_three", "counts"])
    for seed in range(3):
        speed.send(random_rows(seed, 700))
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
