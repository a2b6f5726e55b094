"""What of a topic is in the lake: the offsets that `landed/<stream>` holds, and the lag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deltalake import DeltaTable

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.errors import ServiceRejectedError, SpecError
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class LandedStream:
    """A stream that has a topic, and the table in which it lands.

    Attributes:
        owner: system and stream, the name of who writes its dead letters.
    """

    owner: str
    topic: str
    table: str
    spec: StreamSpec


def landed_stream(system: SystemSpec, stream: str) -> LandedStream:
    """The stream `stream` of a system.

    Raises:
        SpecError: there is none, or it has no topic.
    """
    spec = system.streams.get(stream)
    if spec is None or spec.topic is None:
        told = ", ".join(landed_streams(system)) or "none"
        raise SpecError(f"stream {stream!r} has no topic; those that have one: {told}", field=f"streams.{stream}.topic")
    return LandedStream(f"ai-patterns.{system.name}.{stream}", spec.topic, f"landed/{stream}", spec)


def landed_offsets(system: SystemSpec, lake: Lake, stream: str) -> dict[int, int]:
    """Next offset of each partition of the stream's topic; nothing before its first landing."""
    landed = landed_stream(system, stream)
    return _offsets(lake, landed.table, landed.topic)


def landed_streams(system: SystemSpec) -> tuple[str, ...]:
    """Names of the streams that have a topic."""
    return tuple(name for name, stream in system.streams.items() if stream.topic is not None)


def lag(lake: Lake, broker: Broker, topics: Mapping[str, str]) -> dict[str, int]:
    """Records that are not in the lake yet, by stream.

    Args:
        lake: where the streams land.
        broker: the cluster.
        topics: stream -> its topic.

    Raises:
        ServiceUnavailableError: the cluster is away.
        ServiceRejectedError: there is no such topic.
    """
    return {name: broker.lag(topic, _offsets(lake, f"landed/{name}", topic)) for name, topic in topics.items()}


def read_offsets(table: DeltaTable, topic: str) -> dict[int, int]:
    """The offsets of a topic that a table holds: one transaction a partition, which Kafka numbers from 0."""
    offsets: dict[int, int] = {}
    while (offset := table.transaction_version(_app(topic, len(offsets)))) is not None:
        offsets[len(offsets)] = offset
    return offsets


def positions(topic: str, offsets: Mapping[int, int]) -> dict[str, int]:
    """The transactions that record the offsets of a topic."""
    return {_app(topic, partition): offset for partition, offset in offsets.items()}


def identity(topic: str, topic_id: str) -> dict[str, int]:
    """The transaction that records of which topic the offsets are: one made anew has the name and another id."""
    return {f"kafka/{topic}#{topic_id}": 1}


def require_same_topic(table: DeltaTable, topic: str, topic_id: str) -> None:
    """Refuse a topic that was made anew since the table read it.

    Raises:
        ServiceRejectedError: so it was.
    """
    (app,) = identity(topic, topic_id)
    if read_offsets(table, topic) and table.transaction_version(app) is None:
        raise ServiceRejectedError(
            f"topic {topic!r} was made anew (its id is {topic_id}) since it was read into {table.table_uri}, whose "
            "offsets are of the old one. Give the new topic another name in the system's spec; the table keeps both"
        )


def _offsets(lake: Lake, table: str, topic: str) -> dict[int, int]:
    return read_offsets(lake.open(table), topic) if lake.exists(table) else {}


def _app(topic: str, partition: int) -> str:
    return f"kafka/{topic}/{partition}"
