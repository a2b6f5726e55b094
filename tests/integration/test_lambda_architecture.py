"""Real flights through real topics: at each midnight both layers merged equal the lake, to the bit."""

from __future__ import annotations

import datetime as dt
import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.tile_store_sqlite import SqliteTileStore
from ai_patterns.core.days import Days
from ai_patterns.core.tile_rows import pack, unpack
from ai_patterns.errors import CertificateError
from ai_patterns.jobs.certification import certify
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.history import Event, create_topics, read_history
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.replay import Replay
from ai_patterns.services.stream_worker.worker import StreamWorker
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec
from soak_figures import add_figures

HISTORY = Days.parse("2013-03-29/2013-03-31")
FIRST = dt.date(2013, 4, 1)


@pytest.fixture(scope="module")
def system(repository: Path) -> SystemSpec:
    return load_system(repository / "include/systems/flights")


@pytest.fixture(scope="module")
def lived(request: pytest.FixtureRequest) -> Days:
    """The days that are lived through the topics; three, or the month that `make soak` asks for."""
    return Days(FIRST, FIRST + dt.timedelta(days=request.config.getoption("--certified-days") - 1))


@pytest.fixture(scope="module")
def replay(system: SystemSpec, kafka, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    folder = tmp_path_factory.mktemp("replay")
    lake = Lake(str(folder / "lake"), system.name)
    ingest(system, lake, HISTORY, run_id="history")
    build_features(system, lake, HISTORY)
    broker = Broker(kafka.address)
    create_topics(system, broker, partitions=3)
    return Replay(system, lake, broker, SqliteTileStore(system, folder / "tiles.db"))


@pytest.fixture
def worker(replay: Replay, lived: Days) -> Iterator[StreamWorker]:
    made = StreamWorker(replay.system, replay.broker, replay.store, clock=lambda: lived.end)
    yield made
    made.close()


def as_it_comes(events: list[Event], day: dt.date, rng: random.Random) -> list[Event]:
    """A day's events: some arrive hours late, some the day after, some twice."""
    delays = [rng.choice([0.0] * 17 + [2.0, 9.0, 30.0]) for _ in events]
    arrivals = [(event.known + dt.timedelta(hours=delay), event) for delay, event in zip(delays, events, strict=True)]
    arrivals += [(at + dt.timedelta(minutes=5), event) for at, event in rng.sample(arrivals, len(arrivals) // 50)]
    return [event for at, event in sorted(arrivals, key=lambda each: each[0]) if at.date() == day]


def test_every_bucket_is_equal_with_late_events_and_duplicates(replay, worker, lived, request) -> None:
    replay.begin(lived.start)
    history, buckets = read_history(replay.system, lived), []
    figures = {"days": len(lived), "messages": 0, "buckets": 0, "unequal": 0}
    for day in lived:
        today = as_it_comes(history, day, random.Random(4))
        figures["messages"] += replay.live(worker, today)
        found = replay.close_day(Days(day, day).end, worker)
        buckets += [bucket for of_group in found.buckets.values() for bucket in of_group if bucket.keys]
        assert found.keys > 1_000
    figures |= {"buckets": len(buckets), "unequal": sum(not bucket.equal for bucket in buckets)}
    assert figures["unequal"] == 0
    assert figures["messages"] > 2_600 * len(lived)
    add_figures(request.config.getoption("--figures"), "certificate", figures)


def test_a_partition_that_is_delivered_again_changes_nothing(replay: Replay, lived: Days) -> None:
    before = {name: replay.store.dump(name)[1] for name in replay.system.groups}
    again = StreamWorker(replay.system, replay.broker, replay.store, clock=lambda: lived.end)
    for intake in again._intakes:
        for partition in intake.reader.partitions():
            replay.store.rewind(str(intake.reader.topic), partition, 0)
            intake.reader.seek(partition, 0)
    assert again.drain() > 8_000
    again.close()
    assert {name: replay.store.dump(name)[1] for name in replay.system.groups} == before


def test_a_single_wrong_value_is_named_with_both_values(replay: Replay, lived: Days) -> None:
    """One event's delay is off by a minute in the online store alone."""
    connection = sqlite3.connect(replay.store.path)
    space, entity, name, packed = connection.execute(
        "SELECT * FROM tiles WHERE space LIKE 'batch:carrier_now:%' ORDER BY name DESC LIMIT 1"
    ).fetchone()
    partials = unpack(packed)
    wrong = [partials[0], partials[1], partials[2], partials[3] + 1, *partials[4:]]
    change = "UPDATE tiles SET partials = ? WHERE space = ? AND entity = ? AND name = ?"
    connection.execute(change, (pack(wrong), space, entity, name))
    connection.commit()
    with pytest.raises(CertificateError, match=r"carrier_now: 1 keys, such as \[.*delay_1h .* instead of"):
        certify(replay.system, replay.lake, replay.store, lived.end, now=lived.end)
    (row,) = replay.lake.read("certificate_differences").to_pylist()
    assert (row["group"], json.loads(row["key"])) == ("carrier_now", json.loads(entity))
    unequal = [row for row in replay.lake.read("certificates").to_pylist() if not row["equal"]]
    assert [row["group"] for row in unequal] == ["carrier_now"]
