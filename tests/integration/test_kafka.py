"""The client against a real broker, which is killed under load."""

from __future__ import annotations

import os
import signal
import time
import uuid

import pytest

from ai_patterns.clients import kafka_cluster, kafka_producer, kafka_reader
from ai_patterns.clients.kafka import Broker, Message, Record, TopicReader, Watermarks
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.runtimes.kafka import Kafka
from ai_patterns.runtimes.runtime import free_port


@pytest.fixture
def broker(kafka: Kafka) -> Broker:
    return Broker(kafka.address)


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"docks.counted-{uuid.uuid4().hex[:8]}"
    assert broker.create_topic(name, 2)
    return name


def read(reader: TopicReader, count: int) -> list[Message]:
    messages, deadline = [], time.monotonic() + 120
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} came"
        messages += reader.poll(count, 0.5)
    return messages


def send(broker: Broker, topic: str, *records: Record) -> None:
    with broker.producer() as producer:
        for record in records:
            producer.send(topic, record)


def test_every_byte_comes_back(broker, topic) -> None:
    past = 1_357_000_000_000  # 2013: the default retention would drop it
    sent = [
        Record(b"\xff\x00", b"\x80", (("reason", b"\x00\xff"), ("reason", b"again"), ("none", None)), past, 0),
        Record(None, b"deleted", (), past, 0),
        Record(b"", None, (), past, 0),
    ]
    send(broker, topic, *sent)
    with broker.reader(topic) as reader:
        assert reader.assign() == {0: 0, 1: 0}
        found = read(reader, 3)
    assert [(each.topic, each.partition, each.offset) for each in found] == [(topic, 0, at) for at in range(3)]
    assert [Record(each.value, each.key, each.headers, each.timestamp_ms, each.partition) for each in found] == sent


def test_a_reader_goes_on_where_it_is_told(broker, topic) -> None:
    send(broker, topic, *(Record(b"%d" % number, partition=number % 2) for number in range(20)))
    assert broker.watermarks(topic) == {0: Watermarks(0, 10), 1: Watermarks(0, 10)}
    assert [broker.lag(topic, offsets) for offsets in ({}, {0: 4}, {0: 10, 1: 10})] == [20, 16, 0]
    with broker.reader(topic) as reader:
        assert reader.assign({0: 8, 1: 10}) == {0: 8, 1: 10}
        assert [each.value for each in read(reader, 2)] == [b"16", b"18"]
        assert reader.poll(10, 0.5) == []
        reader.seek(1, 9)
        assert [each.value for each in read(reader, 1)] == [b"19"]
    with broker.reader(topic) as second:  # what the first one read moved nothing
        second.assign()
        assert len(read(second, 20)) == 20


@pytest.mark.parametrize("offsets", [{0: 1}, {0: 0, 2: 0}], ids=["beyond the end", "a partition that is gone"])
def test_an_offset_of_another_topic_stops_the_reader(broker, topic, offsets) -> None:
    with (
        broker.reader(topic) as reader,
        pytest.raises(ServiceRejectedError, match=r"made anew or shortened\. Bring its records back"),
    ):
        reader.assign(offsets)


def test_a_second_creation_and_wrong_names(broker, topic) -> None:
    assert not broker.create_topic(topic, 2)
    with pytest.raises(ServiceRejectedError, match="cannot be created"):
        broker.create_topic("no name")
    with pytest.raises(ServiceRejectedError, match="'absent'"):
        broker.watermarks("absent")
    with pytest.raises(ServiceRejectedError):
        send(broker, "absent", Record(b"1"))


def test_an_oversized_record_is_refused(broker, topic) -> None:
    with pytest.raises(ServiceRejectedError, match=r"(?i)too large|TOO_LARGE"):
        send(broker, topic, Record(bytes(2_000_000)))


def test_an_absent_broker(monkeypatch) -> None:
    monkeypatch.setattr(kafka_cluster, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(kafka_reader, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(kafka_producer, "DELIVERY_SECONDS", 1.0)
    away = Broker(f"127.0.0.1:{free_port()}", conn_id="ai_patterns_kafka")
    for call in (lambda: away.watermarks("t"), lambda: away.create_topic("t"), lambda: send(away, "t", Record(b""))):
        with pytest.raises(ServiceUnavailableError, match=r"away.*Check the connection 'ai_patterns_kafka'"):
            call()


def test_a_broker_killed_under_load_loses_and_doubles_nothing(kafka, broker, topic) -> None:
    total, kills = 30_000, (7_000, 21_000)
    with broker.reader(topic) as reader, broker.producer() as producer:
        reader.assign()
        for number in range(total):
            if number in kills:
                for group in kafka.groups:
                    os.killpg(group, signal.SIGKILL)
            producer.send(topic, Record(b"%d" % number, partition=0))
            if number - 2_000 in kills:
                assert kafka.up(), "it was dead"
        producer.flush()
        found = [int(each.value or b"") for each in read(reader, total)]
        assert reader.poll(10, 1) == []
    assert found == list(range(total))
