"""The log's bound, what it counts, and which sink a service gets."""

import datetime as dt

import pytest

import bakery
from ai_patterns.clients.lake import Lake
from ai_patterns.core.predictions import SHADOW_TABLE, TABLE
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.inference.lake_sink import LakeSink
from ai_patterns.services.inference.log import PredictionLog
from ai_patterns.services.inference.log_sinks import sink_of
from ai_patterns.services.inference.logged import Scored
from ai_patterns.services.inference.topic_sink import TopicSink
from server_process import wait_until

AT = dt.datetime(2024, 1, 3, 12, tzinfo=dt.UTC)


def batch(rows: int) -> Scored:
    names, instants = [str(row) for row in range(rows)], [AT] * rows
    return Scored({}, {}, [0.5] * rows, names, [[]] * rows, instants, instants, 1)


class Sink:
    """Takes what comes unless it is away."""

    name, conn_id, write_rows = "the shelf", "ai_patterns_shelf", 4096

    def __init__(self) -> None:
        self.away, self.written = True, []

    def write(self, batches) -> None:
        if self.away:
            raise OSError("nobody there")
        self.written += batches


def test_what_finds_no_room_is_counted_and_refused_by_the_sinks_name():
    log = PredictionLog(Sink(), capacity=5)
    first = batch(4)
    log.put(first)
    with pytest.raises(ServiceUnavailableError, match=r"full \(4 rows wait\): the shelf is slow") as refused:
        log.put(batch(2))
    assert refused.value.conn_id == "ai_patterns_shelf"
    assert (log.depth, log.refused) == (4, 2)
    log.put(batch(1))
    assert (log.depth, log.refused) == (5, 2)


def test_what_could_not_be_written_stays_in_order_until_it_can():
    sink = Sink()
    log = PredictionLog(sink, flush_seconds=0.01)
    first, second = batch(2), batch(3)
    log.put(first)
    log.start()
    wait_until(lambda: log.failures > 0, 60)
    log.put(second)
    assert (log.depth, log.problem, sink.written) == (5, "nobody there", [])
    sink.away = False
    log.close()
    assert (log.depth, log.problem) == (0, None)
    assert sink.written == [first, second]


def test_after_an_outage_it_is_written_in_pieces():
    sink, sizes = Sink(), list[int]()
    log = PredictionLog(sink)
    batches = [batch(1000) for _ in range(10)]
    for one in batches:
        log.put(one)
    sink.away, sink.write = False, lambda piece: (sizes.append(len(piece)), sink.written.extend(piece))
    log.close()
    assert (sizes, sink.written, log.depth) == ([5, 5], batches, 0)


@pytest.mark.parametrize(("servers", "topic"), [("", "bakery.predictions"), ("kafka:9092", None)])
def test_without_a_broker_or_a_topic_the_lake_takes_them(servers, topic, tmp_path):
    system = bakery.bakery()
    system = system.model_copy(update={"decision": system.decision.model_copy(update={"topic": topic})})
    sink = sink_of(system, str(tmp_path), servers, SHADOW_TABLE)
    assert sink == LakeSink(system, Lake(str(tmp_path), system.name), SHADOW_TABLE)


def test_with_both_each_table_has_its_topic(tmp_path):
    system = bakery.bakery()
    sinks = [sink_of(system, str(tmp_path), "kafka:9092", table) for table in (TABLE, SHADOW_TABLE)]
    assert all(isinstance(sink, TopicSink) for sink in sinks)
    assert [(sink.topic, sink.broker.servers) for sink in sinks] == [
        ("bakery.predictions", "kafka:9092"),
        ("bakery.predictions.shadow", "kafka:9092"),
    ]
