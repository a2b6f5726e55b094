"""History as messages: the sources' rows in the order in which they became known."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.kafka_records import Record
from ai_patterns.core.days import Days
from ai_patterns.engines.rows import cast_rows
from ai_patterns.errors import SpecError
from ai_patterns.jobs.extraction import raw_rows
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class Event:
    """One row of a stream, ready to be sent.

    Attributes:
        known: when it became known, UTC; also the record's timestamp.
        topic: where it goes.
    """

    known: dt.datetime
    topic: str
    record: Record


def read_history(system: SystemSpec, days: Days) -> list[Event]:
    """Every event that became known on `days`, in that order; ties in the order of streams and keys.

    Raises:
        SpecError: no stream has a topic.
        ServiceUnavailableError: a source is away.
    """
    topics = {name: stream for name, stream in system.streams.items() if stream.topic}
    if not topics:
        raise SpecError(
            f"no stream of {system.name!r} has a topic to send its history to", field="streams.<name>.topic"
        )
    events = [event for name, stream in topics.items() for event in _events(system, name, stream, days)]
    return sorted(events, key=lambda event: event.known)


def create_topics(system: SystemSpec, broker: Broker, partitions: int = 4) -> list[str]:
    """Make the topics that are not there yet; return their names.

    Raises:
        ServiceUnavailableError: the cluster is away.
    """
    names = [stream.topic for stream in system.streams.values() if stream.topic]
    return [name for name in dict.fromkeys(names) if broker.create_topic(name, partitions)]


def send(broker: Broker, events: Iterable[Event]) -> int:
    """Send events and wait until all are written; return their number."""
    count = 0
    with broker.producer() as producer:
        for count, event in enumerate(events, 1):  # noqa: B007  the last number is the count
            producer.send(event.topic, event.record)
    return count


def _events(system: SystemSpec, name: str, stream: StreamSpec, days: Days) -> Iterator[Event]:
    rows = cast_rows(raw_rows(system, name, days), stream).select(list(stream.columns))
    for row in rows.to_pylist():
        known = row[stream.known_time]
        yield Event(known, str(stream.topic), _record(stream, row, known))


def _record(stream: StreamSpec, row: dict[str, Any], known: dt.datetime) -> Record:
    key = [row[name] for name in stream.key]
    text = key[0] if len(key) == 1 and isinstance(key[0], str) else json.dumps(key, default=str)
    return Record(msgspec.json.encode(row), text.encode(), timestamp_ms=int(known.timestamp() * 1000))
