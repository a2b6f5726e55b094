"""What Kafka's topics hold, and which of its errors pass by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ai_patterns.errors import MissingDependencyError

try:
    import confluent_kafka
except ImportError:
    raise MissingDependencyError("confluent-kafka", "kafka") from None

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

Headers = tuple[tuple[str, bytes | None], ...]


class Message(NamedTuple):
    """One record as the broker holds it, byte for byte.

    Attributes:
        timestamp_ms: milliseconds since 1970-01-01 UTC, -1 where the record has none.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int


@dataclass(frozen=True)
class Record:
    """What is to be written.

    Attributes:
        timestamp_ms: milliseconds since 1970-01-01 UTC; the time of sending, where it is not told.
        partition: by default the one that the key's hash chooses.
    """

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None
    partition: int | None = None


class Watermarks(NamedTuple):
    """Offsets of a partition: its first kept record, and the one that the next record gets."""

    low: int
    high: int


def is_passing(error: KafkaError) -> bool:
    """Whether the same call may succeed later: the broker is away, starts, or chooses a leader."""
    kinds = confluent_kafka.KafkaError
    local = {kinds._TRANSPORT, kinds._ALL_BROKERS_DOWN, kinds._TIMED_OUT, kinds._MSG_TIMED_OUT, kinds._RESOLVE}
    # A broker that has just come back may not know its part yet; Kafka's protocol calls all three retriable.
    leaders = {kinds.UNKNOWN_LEADER_EPOCH, kinds.FENCED_LEADER_EPOCH, kinds.NOT_LEADER_FOR_PARTITION}
    return (error.retriable() and error.code() != kinds.UNKNOWN_TOPIC_OR_PART) or error.code() in local | leaders


def timed_out() -> KafkaError:
    """The library's error for what did not happen in time."""
    return confluent_kafka.KafkaError(confluent_kafka.KafkaError._TIMED_OUT)


def to_message(found: Any) -> Message:
    """A record that the library found, as plain data."""
    kind, milliseconds = found.timestamp()
    stamp = milliseconds if kind != confluent_kafka.TIMESTAMP_NOT_AVAILABLE else -1
    headers = tuple(found.headers() or ())
    return Message(found.topic(), found.partition(), found.offset(), found.key(), found.value(), headers, stamp)
