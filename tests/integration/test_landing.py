"""Landing against a real broker: every message once, as a row or byte for byte as a dead letter."""

import datetime as dt
import json
import random
import time
import uuid

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from ai_patterns.clients import kafka_cluster
from ai_patterns.clients.dead_letters import dead_topic, read_letters
from ai_patterns.clients.fenced_table import FencedTable
from ai_patterns.clients.kafka import Broker, Record
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.message_reasons import LARGEST_VALUE
from ai_patterns.errors import FencedError, ServiceRejectedError, ServiceUnavailableError, SpecError
from ai_patterns.jobs.ingestion import audit, extract, ingest, publish
from ai_patterns.jobs.landed import lag, landed_offsets
from ai_patterns.jobs.landing import LandingReport, land, landed_schema
from ai_patterns.runtimes.runtime import free_port
from plant import plant, value
from shop import orders, shop

PAST = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)
STAMP = int(PAST.timestamp() * 1000)


@pytest.fixture
def broker(kafka) -> Broker:
    return Broker(kafka.address)


@pytest.fixture
def topic(broker) -> str:
    name = f"plant.readings-{uuid.uuid4().hex[:8]}"
    broker.create_topic(name, 2)
    return name


@pytest.fixture
def system(topic):
    return plant(topic)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "plant")


def send(broker, topic, *records) -> None:
    with broker.producer() as producer:
        for record in records:
            producer.send(topic, record)


def send_in_vain(producer, topic) -> None:
    with producer.transaction():
        producer.send(topic, reading(2, 0))
        producer.flush()
        producer.send(topic, Record(bytes(100_000_001)))


def reading(number, partition=None, **changes) -> Record:
    content = value(id=f"r{number}", level=number % 10, **changes)
    return Record(content, b"k", (), STAMP, number % 2 if partition is None else partition)


def landed_ids(lake) -> list[str]:
    return sorted(lake.read("landed/readings")["id"].to_pylist(), key=lambda name: int(name[1:]))


def test_rows_and_offsets_land_in_one_commit(broker, topic, system, lake) -> None:
    send(broker, topic, *(reading(number) for number in range(100)))
    assert lag(lake, broker, {"readings": topic}) == {"readings": 100}
    assert land(system, lake, broker, "readings") == LandingReport(100, {}, {0: 50, 1: 50}, 0)
    rows = lake.read("landed/readings")
    assert rows.schema.equals(landed_schema(system.streams["readings"]))
    assert set(rows["day"].to_pylist()) == {dt.date(2024, 3, 1)}
    places = zip(rows["topic_partition"].to_pylist(), rows["topic_offset"].to_pylist(), strict=True)
    assert sorted(places) == [(partition, offset) for partition in (0, 1) for offset in range(50)]
    assert landed_ids(lake) == [f"r{number}" for number in range(100)]
    assert lag(lake, broker, {"readings": topic}) == {"readings": 0}


def test_a_second_run_lands_nothing_and_writes_nothing(broker, topic, system, lake) -> None:
    send(broker, topic, *(reading(number) for number in range(10)))
    land(system, lake, broker, "readings")
    version = lake.version("landed/readings")
    assert land(system, lake, broker, "readings") == LandingReport(offsets={0: 5, 1: 5})
    assert lake.version("landed/readings") == version
    send(broker, topic, reading(10))
    assert land(system, lake, broker, "readings").rows == 1
    assert landed_ids(lake) == [f"r{number}" for number in range(11)]


def test_dead_letters_are_kept_byte_for_byte_and_the_rest_go_on(broker, topic, system, lake) -> None:
    headers = (("trace", b"\x00\xff"), ("dead-letter-reason", b"mine"), ("none", None))
    bad = [
        Record(b'{"id": "\xff', b"\x80", headers, STAMP, 0),
        Record(None, b"deleted", (), STAMP, 0),
        Record(value(), None, (), STAMP, 0),
        Record(value(id="r" + "1" * LARGEST_VALUE), b"k", (), STAMP, 0),
        Record(value(told="2024-03-02T00:00:00Z"), b"k", (), STAMP, 0),
        Record(bytes(999_000), b"", (), STAMP, 0),
    ]
    records = [record for number, item in enumerate(bad) for record in (reading(number, 0), item)]
    send(broker, topic, *records)
    report = land(system, lake, broker, "readings")
    assert (report.rows, report.refused) == (
        6,
        {"encoding": 1, "empty value": 1, "null key": 1, "oversized": 2, "future": 1},
    )
    letters = list(read_letters(broker, topic))
    found = [letter.message for letter in letters]
    assert [Record(item.value, item.key, item.headers, item.timestamp_ms, 0) for item in found] == bad
    assert [letter.source for letter in letters] == [(0, offset) for offset in (1, 3, 5, 7, 9, 11)]
    assert letters[0].reason == "encoding: no UTF-8 at byte 8"
    assert landed_ids(lake) == [f"r{number}" for number in range(6)]


def make_anew(broker, topic) -> None:
    admin = AdminClient({"bootstrap.servers": broker.servers})
    admin.delete_topics([topic])[topic].result()
    deadline = time.monotonic() + 120
    while not broker.create_topic(topic, 2):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_topic_that_was_made_anew_stops_the_landing(broker, topic, system, lake) -> None:
    send(broker, topic, *(reading(number) for number in range(4)))
    land(system, lake, broker, "readings")
    make_anew(broker, topic)
    send(broker, topic, *(reading(number) for number in range(40)))
    before = lake.version("landed/readings")
    with pytest.raises(ServiceRejectedError, match=r"was made anew .* Give the new topic another name"):
        land(system, lake, broker, "readings")
    assert lake.version("landed/readings") == before
    renamed = plant(f"{topic}.second")
    broker.create_topic(f"{topic}.second", 1)
    send(broker, f"{topic}.second", reading(9, 0))
    assert land(renamed, lake, broker, "readings").rows == 1
    assert landed_offsets(system, lake, "readings") == {0: 2, 1: 2}


def test_letters_of_an_old_topic_decide_nothing_about_a_new_one(broker, topic, system, lake, tmp_path) -> None:
    send(broker, topic, *(reading(number, told=None) for number in range(10)))
    assert land(system, lake, broker, "readings").refused == {"not_null": 10}
    make_anew(broker, topic)
    send(broker, topic, *(reading(number) for number in range(10)))
    assert land(system, Lake(str(tmp_path / "second"), "plant"), broker, "readings").rows == 10


def test_a_lost_lake_lands_again_without_new_letters(broker, topic, system, lake, tmp_path) -> None:
    send(broker, topic, reading(0), reading(1, told=None), reading(2))
    assert land(system, lake, broker, "readings").rows == 2
    again = land(system, Lake(str(tmp_path / "second"), "plant"), broker, "readings")
    assert (again.rows, again.refused) == (2, {})
    assert len(list(read_letters(broker, topic))) == 1


def test_a_topic_whose_unread_records_are_gone_stops_the_landing(broker, topic, system, lake) -> None:
    send(broker, topic, *(reading(number, 0) for number in range(4)))
    land(system, lake, broker, "readings")
    send(broker, topic, *(reading(number, 0) for number in range(4)))
    admin = AdminClient({"bootstrap.servers": broker.servers})
    for answer in admin.delete_records([TopicPartition(topic, 0, 6)]).values():
        answer.result()
    with pytest.raises(ServiceRejectedError, match=r"offset 4 .* holds 6 to 8: .* Bring its records back"):
        land(system, lake, broker, "readings")


def test_a_partition_more_is_read_from_its_start(broker, topic, system, lake) -> None:
    send(broker, topic, reading(1))
    land(system, lake, broker, "readings")
    admin = AdminClient({"bootstrap.servers": broker.servers})
    for answer in admin.create_partitions([NewPartitions(topic, 3)]).values():
        answer.result()
    send(broker, topic, reading(2, 2))
    assert land(system, lake, broker, "readings").offsets == {0: 0, 1: 1, 2: 1}
    assert landed_ids(lake) == ["r1", "r2"]


def test_an_absent_broker(topic, system, lake, monkeypatch) -> None:
    monkeypatch.setattr(kafka_cluster, "ANSWER_SECONDS", 1.0)
    with pytest.raises(ServiceUnavailableError, match="is away"):
        land(system, lake, Broker(f"127.0.0.1:{free_port()}"), "readings")
    assert not lake.exists("landed/readings")


def test_marks_of_transactions_are_no_lag(broker, topic, system, lake) -> None:
    with broker.transactional(f"{topic}.sender") as producer:
        with producer.transaction():
            producer.send(topic, reading(1, 0))
        with pytest.raises(ServiceRejectedError):
            send_in_vain(producer, topic)
    report = land(system, lake, broker, "readings")
    assert (report.rows, report.lag, report.offsets) == (1, 0, {0: 4, 1: 0})


def test_until_a_moment_it_lands_what_comes(broker, topic, system, lake) -> None:
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=4)
    send(broker, topic, reading(1))
    assert land(system, lake, broker, "readings", until=until).rows == 1
    assert dt.datetime.now(dt.UTC) >= until


def test_a_simulated_clock_tells_the_future(broker, topic, system, lake) -> None:
    now = dt.datetime(2024, 3, 1, 11, tzinfo=dt.UTC)
    send(broker, topic, Record(value(), b"k"))
    assert land(system, lake, broker, "readings", clock=lambda: now).refused == {"future": 1}


def test_a_stream_without_a_topic(broker, system, lake) -> None:
    with pytest.raises(SpecError, match="those that have one: readings"):
        land(system, lake, broker, "absent")


def test_an_older_writer_is_refused(lake, system) -> None:
    schema = landed_schema(system.streams["readings"])
    first = FencedTable.hold(lake, "landed/readings", schema)
    second = FencedTable.hold(lake, "landed/readings", schema)
    with pytest.raises(FencedError, match="another writer took"):
        first.require_held()
    with pytest.raises(FencedError, match="another writer took"):
        first.append(schema.empty_table(), {"kafka/t/0": 5})
    second.append(schema.empty_table(), {"kafka/t/0": 4})
    second.require_held()
    assert lake.open("landed/readings").transaction_version("kafka/t/0") == 4


def test_a_second_writer_of_dead_letters_takes_the_first_ones_place(broker, topic) -> None:
    broker.create_topic(dead_topic(topic))
    with broker.transactional(topic) as first, broker.transactional(topic) as second:
        with pytest.raises(FencedError, match="another writer"), first.transaction():
            first.send(dead_topic(topic), Record(b"1"))
        with second.transaction():
            second.send(dead_topic(topic), Record(b"2"))
    with broker.reader(dead_topic(topic)) as reader:
        reader.assign()
        assert [each.value for each in reader.read_to_end()] == [b"2"]


def test_publishing_from_topics_equals_publishing_from_sources(broker, topic, tmp_path) -> None:
    days = Days.parse("2024-01-01/2024-01-03")
    system = shop(tmp_path, [line for day in days for line in orders(30, str(day))], topic=topic)
    plain, landed = (Lake(str(tmp_path / name), "shop") for name in ("plain", "landed"))
    ingest(system, plain, days, run_id="sources")
    rows = plain.read("events/orders").drop_columns("day").to_pylist()
    messages = [json.dumps(row, default=dt.datetime.isoformat).encode() for row in rows]
    repeated = [*messages, *messages[:20]]  # as a sender does that has lost an answer
    random.Random(5).shuffle(repeated)
    send(broker, topic, *(Record(item, b"k", (), STAMP, number % 2) for number, item in enumerate(repeated)))
    assert land(system, landed, broker, "orders").rows == 110
    with pytest.raises(ServiceUnavailableError, match="'landed/orders'"):
        extract(system, Lake(str(tmp_path / "empty"), "shop"), days, run_id="topics", origin="topics")
    assert extract(system, landed, days, run_id="topics", origin="topics") == {"orders": 90}
    audit(system, landed, days, run_id="topics")
    assert publish(system, landed, days, run_id="topics") == {"orders": 90}
    order = [("day", "ascending"), ("id", "ascending")]
    found, expected = (lake.read("events/orders").sort_by(order) for lake in (landed, plain))
    assert found.equals(expected)
    assert landed.read("quarantine/orders").num_rows == 0
