"""Reads a topic of Kafka from explicit offsets."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ai_patterns.clients.kafka_records import Message, Watermarks, is_passing, to_message
from ai_patterns.errors import MissingDependencyError

try:
    import confluent_kafka
except ImportError:
    raise MissingDependencyError("confluent-kafka", "kafka") from None

if TYPE_CHECKING:
    from ai_patterns.clients.kafka import Broker

ANSWER_SECONDS = 20.0


class TopicReader:
    """Reads one topic from the offsets that it is told."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.broker, self.topic = broker, topic
        # The library wants a group's name; nothing joins or commits, since partitions are assigned by hand.
        self._consumer = confluent_kafka.Consumer(
            {
                **broker.settings(),
                "group.id": "ai-patterns",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",  # a lost offset must stop the reader, never move it
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def partitions(self) -> tuple[int, ...]:
        """The topic's partitions.

        Raises:
            ServiceUnavailableError: the cluster is away.
            ServiceRejectedError: there is no such topic.
        """
        with self.broker.told(f"partitions of {self.topic!r} cannot be read"):
            found = self._consumer.list_topics(self.topic, timeout=ANSWER_SECONDS).topics[self.topic]
        if found.error is not None:
            raise self.broker.error(f"topic {self.topic!r} cannot be read", found.error)
        return tuple(sorted(found.partitions))

    def watermarks(self) -> dict[int, Watermarks]:
        """First and next offset of each partition, as the broker tells them now."""
        marks = {}
        for partition in self.partitions():
            place = confluent_kafka.TopicPartition(self.topic, partition)
            with self.broker.told(f"watermarks of {self.topic!r} cannot be read"):
                marks[partition] = Watermarks(*self._consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS))
        return marks

    def assign(self, offsets: Mapping[int, int] | None = None) -> dict[int, int]:
        """Read every partition from now on, from `offsets`; a partition that is not named from its first record.

        Returns:
            The next offset of each partition.

        Raises:
            ServiceRejectedError: an offset lies outside what the topic holds: it was made anew, or shortened.
        """
        marks = self.watermarks()
        starts = {partition: (offsets or {}).get(partition, mark.low) for partition, mark in marks.items()}
        for partition in sorted({*starts, *(offsets or {})}):
            self._check(partition, (offsets or {}).get(partition, 0), marks.get(partition), bool(offsets))
        self._consumer.assign([confluent_kafka.TopicPartition(self.topic, *place) for place in starts.items()])
        return starts

    def seek(self, partition: int, offset: int) -> None:
        """Read an assigned partition from `offset` on."""
        with self.broker.told(f"{self.topic!r} cannot be read from offset {offset} of partition {partition}"):
            self._consumer.seek(confluent_kafka.TopicPartition(self.topic, partition, offset))

    def poll(self, max_messages: int, seconds: float) -> list[Message]:
        """What came within `seconds`, at most `max_messages`, in order within each partition; it may be nothing.

        While the broker is away nothing comes; the reader goes on by itself once it is back.

        Raises:
            ServiceRejectedError: the topic is gone, or an offset lies outside what it holds.
        """
        messages = []
        for found in self._consumer.consume(max_messages, seconds):
            error = found.error()
            if error is None:
                messages.append(to_message(found))
            elif not is_passing(error):
                raise self.broker.error(f"topic {self.topic!r} cannot be read", error)
        return messages

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _check(self, partition: int, offset: int, mark: Watermarks | None, told: bool) -> None:
        if told and (mark is None or not mark.low <= offset <= mark.high):
            holds = "is not there" if mark is None else f"holds {mark.low} to {mark.high}"
            raise self.broker.rejected(
                f"offset {offset} was read of partition {partition} of {self.topic!r}, which {holds}: the topic was "
                "made anew or shortened. Bring its records back, or give the new topic another name"
            )
