"""Real flights through real topics: at each midnight both layers merged equal the lake, to the bit."""

from __future__ import annotations

import datetime as dt
import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from ai_patterns.clients.feast import open_store
from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.tile_store_sqlite import SqliteTileStore
from ai_patterns.core.clock import reading_at, to_microseconds
from ai_patterns.core.days import Days
from ai_patterns.core.speed import empty_features
from ai_patterns.core.tile_rows import pack, unpack
from ai_patterns.errors import CertificateError
from ai_patterns.jobs.certification import certify
from ai_patterns.jobs.feature_store import apply_repository
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.history import Event, create_topics, read_history
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.layers import read_landed, read_layers
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


def read_values(lake: Lake, system: SystemSpec, name: str, at: dt.datetime) -> dict[tuple, dict[str, object]]:
    """Each entity's newest line of the log of values at an instant; those with nothing in any window are left out."""
    newest: dict[tuple, dict[str, object]] = {}
    rows = lake.dataset(f"values/{name}").to_table(filter=ds.field("valid_from") <= at).sort_by("valid_from")
    group = system.groups[name]
    for row in rows.to_pylist():
        newest[tuple(row[column] for column in group.key)] = {feature: row[feature] for feature in group.features}
    return {key: values for key, values in newest.items() if values != empty_features(group)}


def plain(value: object) -> object:
    """As Feast hands it out: instants are microseconds."""
    return to_microseconds(value) if isinstance(value, dt.datetime) else value


def test_every_bucket_is_equal_with_late_events_and_duplicates(replay, worker, lived, request) -> None:
    replay.begin(lived.start)
    history, buckets = read_history(replay.system, lived), []
    figures = {"days": lived.count, "messages": 0, "buckets": 0, "unequal": 0}
    for day in lived:
        today = as_it_comes(history, day, random.Random(4))
        figures["messages"] += replay.live(worker, today)
        found = replay.close_day(Days(day, day).end, worker)
        buckets += [bucket for of_group in found.buckets.values() for bucket in of_group if bucket.keys]
        assert found.keys > 1_000
    figures |= {"buckets": len(buckets), "unequal": sum(not bucket.equal for bucket in buckets)}
    assert figures["unequal"] == 0
    assert figures["messages"] > 2_600 * lived.count
    add_figures(request.config.getoption("--figures"), "certificate", figures)


def test_the_page_tells_of_the_topics_and_of_the_certificate(replay: Replay, lived: Days) -> None:
    landed = read_landed(replay.system, replay.lake)
    assert {item.topic: item.messages for item in landed} == {
        topic: sum(ends.values()) for topic, ends in replay.store.offsets().items()
    }
    layers = read_layers(replay.lake, landed)
    assert layers.equal
    assert (layers.at, layers.boundary, layers.stale_days) == (lived.end, lived.end, 0)
    assert {group.group for group in layers.groups} == {
        name for name, group in replay.system.groups.items() if group.layer == "stream"
    }


def test_feasts_own_client_the_store_and_the_log_of_values_agree(replay: Replay, lived: Days, tmp_path, monkeypatch):
    """Six hours after the last event: every window has slid, and no message came."""
    system, at, silent = replay.system, lived.end + dt.timedelta(hours=6), Days(lived.end.date(), lived.end.date())
    monkeypatch.setenv("AI_PATTERNS_TILES", f"sqlite:///{replay.store.path}")
    build_features(system, replay.lake, silent)
    apply_repository(system, replay.lake, tmp_path)
    feast, counts = open_store(tmp_path), []
    for name, group in system.groups.items():
        if group.layer != "stream":
            continue
        log = read_values(replay.lake, system, name, at)
        entities = sorted(replay.store.entities(name))
        counts.append(len(log))
        answers = dict(zip(entities, replay.store.read(name, entities, at), strict=True))
        assert {key: values for key, values in answers.items() if values != empty_features(group)} == log
        keys = [dict(zip(group.key, entity, strict=True)) or {"no_key": 0} for entity in entities]
        with reading_at(at):
            read = feast.get_online_features([f"{name}:{feature}" for feature in group.features], keys).to_dict()
        for number, entity in enumerate(entities):
            held = {feature: read[feature][number] for feature in group.features}
            assert held == {feature: plain(value) for feature, value in answers[entity].items()}
    assert max(counts) > 10


def test_a_partition_that_is_delivered_again_changes_nothing(replay: Replay, lived: Days) -> None:
    before = {name: replay.store.dump(name)[1] for name in replay.system.groups}
    for topic, ends in replay.store.offsets().items():
        for partition in ends:
            replay.store.rewind(topic, partition, 0)
    again = StreamWorker(replay.system, replay.broker, replay.store, clock=lambda: lived.end)
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
