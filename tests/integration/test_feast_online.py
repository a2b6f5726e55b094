"""The online stores: Feast's bytes, and right where Feast's are wrong. Each fault is shown on Feast first."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import redis as redis_client
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.types import Int64, String, from_value_type
from feast.value_type import ValueType

from ai_patterns.core.clock import reading_at
from ai_patterns.feast import Written, open_reader, write_arrow
from ai_patterns.feast.resp import RespConnection
from ai_patterns.feast.writing import batches, feast_rows
from ai_patterns.runtimes.redis import Redis
from feast_columns import TYPES, column
from feast_shop import NOW, OURS, driver, dump, open_repository, read, ride, rides, table, write

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
PRESENT, NULL, NOT_FOUND, TOO_OLD = (
    FieldStatus.PRESENT,
    FieldStatus.NULL_VALUE,
    FieldStatus.NOT_FOUND,
    FieldStatus.OUTSIDE_MAX_AGE,
)
Opened = tuple[FeatureStore, FeatureView]


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def address(redis: Redis) -> str:
    return redis.address


@pytest.fixture
def opened(tmp_path: Path, kind: str, address: str) -> Callable[..., Opened]:
    """Opens a repository that holds the view `rides`: ours, or Feast's own."""

    def make(online: str, ttl: dt.timedelta = dt.timedelta(0)) -> Opened:
        folder = tmp_path / uuid.uuid4().hex
        store = open_repository(folder, online, redis_address=address)
        table(ride(1, 1.0, NOW)).to_pandas().to_parquet(folder / "rides.parquet")
        view = rides(folder, ttl)
        store.apply([driver(), view])
        return store, view

    return make


def test_an_older_event_never_overwrites_a_newer_one(opened: Callable[..., Opened], kind: str) -> None:
    """SQLite: Feast goes back; its Redis store does not, one after the other."""
    theirs, ours = opened(kind), opened(OURS[kind])
    for store, view in (theirs, ours):
        write(store, view, ride(1, 5.0, NOW))
        write(store, view, ride(1, 4.0, NOW - HOUR))
    assert read(theirs[0], 1)["rating"] == ([4.0] if kind == "sqlite" else [5.0])
    assert read(ours[0], 1)["rating"] == [5.0]
    assert ours[0].provider.online_store.online_write_arrow(
        ours[0].config, ours[1], table(ride(1, 3.0, NOW - DAY), ride(2, 2.0, NOW))
    ) == Written(rows=1, older=1)
    assert read(ours[0], 1, 2)["rating"] == [5.0, 2.0]


def test_a_large_write_leaves_what_is_newer(opened: Callable[..., Opened], kind: str) -> None:
    """More rows than one statement or chunk takes, every third of them older than what is held."""
    count, (store, view) = 3_000, opened(OURS[kind])
    write(store, view, *(ride(number, 1.0, NOW) for number in range(count)))
    late = [ride(number, 2.0, NOW - HOUR if number % 3 == 0 else NOW + HOUR) for number in range(count)]
    found = store.provider.online_store.online_write_arrow(store.config, view, table(*late))
    assert found == Written(rows=2_000, older=1_000)
    assert read(store, *range(count))["rating"] == [1.0 if number % 3 == 0 else 2.0 for number in range(count)]


def test_a_correction_of_the_same_instant_applies(opened: Callable[..., Opened], kind: str) -> None:
    """Redis: Feast ignores it."""
    theirs, ours = opened(kind), opened(OURS[kind])
    for store, view in (theirs, ours):
        write(store, view, ride(1, 5.0, NOW))
        write(store, view, ride(1, 4.5, NOW))
    assert read(theirs[0], 1)["rating"] == ([5.0] if kind == "redis" else [4.5])
    assert read(ours[0], 1)["rating"] == [4.5]


def test_the_ttl_holds_online(opened: Callable[..., Opened], kind: str) -> None:
    """Feast serves what is older than the view's TTL as if it were fresh."""
    theirs, ours = opened(kind, DAY), opened(OURS[kind], DAY)
    for store, view in (theirs, ours):
        write(store, view, ride(1, 5.0, NOW - 2 * DAY), ride(2, 4.0, NOW - HOUR))
    assert read(theirs[0], 1, 2)["status"] == [PRESENT, PRESENT]
    found = read(ours[0], 1, 2)
    assert (found["rating"], found["status"]) == ([None, 4.0], [TOO_OLD, PRESENT])
    with reading_at(NOW - DAY - HOUR):
        assert read(ours[0], 1)["rating"] == [5.0]


def test_a_missing_entity_and_a_null_say_so(opened: Callable[..., Opened], kind: str) -> None:
    """Feast's Redis store calls a missing entity PRESENT, and both of its stores do so with a null."""
    theirs, ours = opened(kind), opened(OURS[kind])
    for store, view in (theirs, ours):
        write(store, view, ride(1, None, NOW))
    assert read(theirs[0], 1, 404)["status"] == [PRESENT, PRESENT if kind == "redis" else NOT_FOUND]
    assert read(ours[0], 1, 404)["status"] == [NULL, NOT_FOUND]


def test_instants_are_utc_and_whole(opened: Callable[..., Opened], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feast's SQLite store cuts the fraction off; in a zone with summer time two of its hours are one."""
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        in_the_gap = dt.datetime(2026, 3, 8, 2, 30, 0, 250_000, dt.UTC)
        theirs, ours = opened(kind), opened(OURS[kind])
        for store, view in (theirs, ours):
            write(store, view, ride(1, 5.0, NOW), ride(2, 4.0, in_the_gap))
        held = read(theirs[0], 1, 2)["at"]
        assert (held == [NOW, in_the_gap]) == (kind == "redis")
        assert read(ours[0], 1, 2)["at"] == [NOW, in_the_gap]
        assert dump(*theirs) == dump(*ours)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_feasts_own_store_reads_and_overwrites_ours(opened: Callable[..., Opened], kind: str, address: str) -> None:
    ours, view = opened(OURS[kind])
    write(ours, view, ride(1, 5.0, NOW - HOUR))
    settings = ours.config.online_store.model_dump() | {"type": kind}
    place = {"connection_string": settings["connection_string"]} if kind == "redis" else {"path": settings["path"]}
    config = ours.config.model_copy(deep=True)
    config.online_config, config._online_store = {"type": kind, **place}, None
    theirs = FeatureStore(config=config)
    assert read(theirs, 1)["rating"] == [5.0]
    write(theirs, view, ride(1, 6.0, NOW))
    found = read(ours, 1)
    assert found["rating"] == [6.0]
    assert abs(found["at"][0] - NOW) < dt.timedelta(seconds=1)
    write(ours, view, ride(1, 4.0, NOW - HOUR / 2))
    assert read(ours, 1)["rating"] == [6.0]


def test_of_several_rows_of_an_entity_the_newest_counts(opened: Callable[..., Opened], kind: str) -> None:
    store, view = opened(OURS[kind])
    rows = [ride(1, 1.0, NOW - HOUR), ride(1, 3.0, NOW, NOW), ride(1, 2.0, NOW, NOW - DAY), ride(1, 0.0, NOW - DAY)]
    write(store, view, *rows)
    assert read(store, 1)["rating"] == [3.0]
    write_arrow(store.provider.online_store, store.config, view, table(*[row | {"driver_id": 2} for row in rows]))
    assert read(store, 2)["rating"] == [3.0]


@pytest.mark.parametrize("kind", ["redis"], indirect=True)
def test_writers_at_the_same_time_leave_the_newest(opened: Callable[..., Opened], kind: str) -> None:
    store, view = opened(OURS[kind])
    online = store.provider.online_store

    def put(start: int) -> None:
        for step in range(start, 60, 4):
            moment = NOW + step * dt.timedelta(milliseconds=1)
            rows = [ride(number, float(step), moment) for number in range(300)]
            write_arrow(online, store.config, view, table(*rows))

    threads = [threading.Thread(target=put, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read(store, *range(300))["rating"]) == {59.0}


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_file_made_here_has_large_pages(opened: Callable[..., Opened], kind: str) -> None:
    store, _ = opened(OURS[kind])
    with contextlib.closing(sqlite3.connect(store.config.online_store.path)) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (16_384,)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_first_fill_that_fails_leaves_the_file_as_it_was(opened: Callable[..., Opened], kind: str) -> None:
    """Its indexes are made after the rows."""
    store, view = opened(OURS[kind])
    path = store.config.online_store.path
    made = indexes(path)
    assert any(name.endswith("_ek") for name, _ in made)
    schema = table(ride(1, 1.0, NOW)).schema

    def breaking() -> Iterator[pa.RecordBatch]:
        yield from table(ride(1, 1.0, NOW)).to_batches()
        raise OSError("the source is gone")

    online = store.provider.online_store
    with pytest.raises(OSError, match="the source is gone"):
        online.online_write_arrow(store.config, view, pa.RecordBatchReader.from_batches(schema, breaking()))
    assert (indexes(path), read(store, 1)["status"]) == (made, [NOT_FOUND])
    for rating in (2.0, 3.0):
        online.online_write_arrow(store.config, view, table(ride(1, rating, NOW)))
        assert (indexes(path), read(store, 1)["rating"]) == (made, [rating])


def indexes(path: str) -> set[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))


def test_a_connection_keeps_its_client(address: str) -> None:
    connection = RespConnection(redis_client.Redis.from_url(f"redis://{address}"))
    gc.collect()
    assert connection.ask([b"PING\r\n"], 1) == [b"PONG"]
    connection.release()


def test_a_question_that_broke_off_leaves_no_reply_for_the_next_one(address: str) -> None:
    connection = RespConnection(redis_client.Redis.from_url(f"redis://{address}"))

    def interrupted() -> Iterator[bytes]:
        yield b"ECHO old\r\n"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connection.ask(interrupted(), 2)
    with pytest.raises(redis_client.exceptions.ConnectionError):
        connection.ask([b"ECHO new\r\n"], 1)


def test_bytes_are_feasts_for_every_value_type(
    tmp_path: Path, kind: str, address: str, request: pytest.FixtureRequest
) -> None:
    """`--feast-rows` has more of them."""
    view = view_of_every_type()
    theirs, ours = (
        open_repository(tmp_path / name, online, redis_address=address)
        for name, online in (("theirs", kind), ("ours", OURS[kind]))
    )
    left = request.config.getoption("--feast-rows")
    for seed in range(0, left, 10_000):
        data = rows_of_every_type(min(left - seed, 10_000), seed)
        for store in (theirs, ours):
            store.provider.online_store.update(store.config, [], [view], [], [], partial=False)
        for batch in batches(data):
            theirs.provider.online_store.online_write_batch(theirs.config, view, feast_rows(view, batch), None)
        assert ours.provider.online_store.online_write_arrow(ours.config, view, data).rows == data.num_rows
        assert dump(ours, view) == dump(theirs, view)
        for store in (theirs, ours):
            store.provider.online_store.update(store.config, [view], [], [], [], partial=False)


def view_of_every_type() -> FeatureView:
    schema = [Field(name=name_of(value), dtype=from_value_type(value)) for value in TYPES]
    keys = [Field(name="driver_id", dtype=Int64), Field(name="town", dtype=String)]
    town = Entity(name="town", join_keys=["town"], value_type=ValueType.STRING)
    source = FileSource(name="all", path="none.parquet", timestamp_field="at", created_timestamp_column="created")
    view = FeatureView(name="all", entities=[driver(), town], schema=[*keys, *schema], source=source)
    view.entity_columns = keys
    return view


def rows_of_every_type(rows: int, seed: int) -> pa.Table:
    moments = column(ValueType.UNIX_TIMESTAMP, rows, seed, nulls=0)
    columns = {name_of(value): column(value, rows, seed + 1) for value in TYPES}
    columns |= {"driver_id": pa.array(range(rows)), "town": column(ValueType.STRING, rows, seed + 2, nulls=0)}
    return pa.table(columns | {"at": moments, "created": moments})


def name_of(value: ValueType) -> str:
    return f"f_{value.name.lower()}"


@pytest.mark.parametrize("kind", ["redis"], indirect=True)
def test_the_reader_says_what_feast_says(opened: Callable[..., Opened], kind: str) -> None:
    store, view = opened(OURS[kind], DAY)
    write(store, view, ride(1, 5.0, NOW - HOUR), ride(2, None, NOW - HOUR), ride(3, 1.0, NOW - 3 * DAY))
    asked = [1, 2, 3, 404, -1]
    names = ["rides:rating", "rides:city"]
    feasts = store.get_online_features(names, [{"driver_id": number} for number in asked])
    found = open_reader(store, names).read({"driver_id": asked})
    assert found.values == {name: feasts.to_dict()[name] for name in ("rating", "city")}
    assert found.statuses["rating"] == [PRESENT, NULL, TOO_OLD, NOT_FOUND, NOT_FOUND]
    assert found.statuses["rating"] == read(store, *asked)["status"]
    assert found.times["rides"] == [NOW - HOUR, NOW - HOUR, NOW - 3 * DAY, None, None]


def test_deletion_and_teardown(opened: Callable[..., Opened], kind: str) -> None:
    store, view = opened(OURS[kind])
    write(store, view, ride(1, 5.0, NOW))
    assert dump(store, view)
    online = store.provider.online_store
    online.update(store.config, [view], [], [], [], partial=False)
    if kind == "redis":
        assert dump(store, view) == {}
    online.update(store.config, [], [view], [], [], partial=False)
    assert read(store, 1)["status"] == [NOT_FOUND]
    write(store, view, ride(1, 5.0, NOW))
    store.teardown()
    assert dump(store, view) == {} if kind == "redis" else not Path(store.config.online_store.path).exists()
