"""Dead letters: refused messages, byte for byte, in a topic beside theirs, each with its reason and its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ai_patterns.clients.kafka_cluster import Cluster
from ai_patterns.clients.kafka_reader import TopicReader
from ai_patterns.clients.kafka_records import Message, Record
from ai_patterns.errors import ServiceRejectedError

SETTINGS = {
    "retention.ms": "-1",
    "cleanup.policy": "delete",
    # Whatever its own topic holds must fit here too, with our headers, and with any timestamp.
    "max.message.bytes": "100000000",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
    "message.timestamp.before.max.ms": str(2**63 - 1),
}

_HEADERS = tuple(f"dead-letter-{name}" for name in ("reason", "topic", "topic-id", "partition", "offset"))


@dataclass(frozen=True)
class Letter:
    """One dead letter.

    Attributes:
        place: partition and offset in the topic of dead letters.
        source: partition and offset where the message stood.
        topic_id: the id of that topic, since one made anew counts from 0 again.
        reason: why it was refused: class, field, what is wrong.
        message: the refused message, its headers as they were.
    """

    place: tuple[int, int]
    source: tuple[int, int]
    topic_id: str
    reason: str
    message: Message


def dead_topic(topic: str) -> str:
    """The topic of a topic's dead letters.

    >>> dead_topic("flights.departed")
    'flights.departed.dead'
    """
    return f"{topic}.dead"


def to_record(message: Message, reason: str, topic_id: str) -> Record:
    """The dead letter of a message; our headers come last, so the message's own stay as they are."""
    told = (reason, message.topic, topic_id, str(message.partition), str(message.offset))
    headers = tuple((name, text.encode()) for name, text in zip(_HEADERS, told, strict=True))
    stamp = message.timestamp_ms if message.timestamp_ms >= 0 else None
    return Record(message.value, message.key, (*message.headers, *headers), stamp)


def to_letter(found: Message) -> Letter:
    """Read a dead letter.

    Raises:
        ServiceRejectedError: somebody else wrote it: our headers are not there.
    """
    count = len(_HEADERS)
    told, own = found.headers[-count:], found.headers[:-count]
    if tuple(name for name, _ in told) != _HEADERS:
        raise ServiceRejectedError(
            f"record {found.offset} of partition {found.partition} of {found.topic!r} is no dead letter of ours; "
            "let nothing else write there"
        )
    reason, topic, topic_id, partition, offset = ((item or b"").decode() for _, item in told)
    message = Message(topic, int(partition), int(offset), found.key, found.value, own, found.timestamp_ms)
    return Letter((found.partition, found.offset), (int(partition), int(offset)), topic_id, reason, message)


def read_letters(cluster: Cluster, topic: str, since: Mapping[int, int] | None = None) -> Iterator[Letter]:
    """The dead letters of a topic up to the end as it is now, in order.

    Args:
        cluster: where it is.
        topic: the topic whose messages were refused.
        since: first offset of each partition of the topic of dead letters; from the first record by default.

    Raises:
        ServiceUnavailableError: the cluster is away.
        ServiceRejectedError: there is no such topic, or it was made anew.
    """
    with TopicReader(cluster, dead_topic(topic)) as reader:
        reader.assign(since)
        yield from map(to_letter, reader.read_to_end())
