"""Reads a topic of Kafka from explicit offsets."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ai_patterns.clients.kafka_cluster import ANSWER_SECONDS
from ai_patterns.clients.kafka_records import Message, Watermarks, is_passing, timed_out, to_message
from ai_patterns.errors import MissingDependencyError

try:
    import confluent_kafka
except ImportError:
    raise MissingDependencyError("confluent-kafka", "kafka") from None

if TYPE_CHECKING:
    from ai_patterns.clients.kafka_cluster import Cluster


class TopicReader:
    """Reads one topic from the offsets that it is told, and of transactions what was committed.

    Attributes:
        positions: of each assigned partition, the offset before which everything was delivered. It also moves past
            the marks of transactions, which are no records but take an offset.
    """

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self.cluster, self.topic = cluster, topic
        self.positions: dict[int, int] = {}
        # The library wants a group's name; nothing joins or commits, since partitions are assigned by hand.
        self._consumer = confluent_kafka.Consumer(
            {
                **cluster.settings(),
                "group.id": "ai-patterns",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,  # an end is told by an answer that holds nothing
                "auto.offset.reset": "error",  # a lost offset must stop the reader, never move it
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ends(self) -> dict[int, int]:
        """Next offset of each partition, as the broker tells it now."""
        return {partition: mark.high for partition, mark in self.cluster.watermarks(self.topic).items()}

    def lag(self) -> int:
        """Records that are assigned and not delivered yet."""
        return sum(max(end - self.positions.get(partition, end), 0) for partition, end in self.ends().items())

    def assign(
        self, offsets: Mapping[int, int] | None = None, *, only: Collection[int] | None = None
    ) -> dict[int, int]:
        """Read from now on, from `offsets`; a partition that is not named from its first record.

        Args:
            offsets: where to begin, by partition.
            only: the partitions to read; by default all.

        Returns:
            The next offset of each partition.

        Raises:
            ServiceRejectedError: an offset lies outside what the topic holds: it was made anew, or shortened.
        """
        marks = self.cluster.watermarks(self.topic)
        marks = {partition: mark for partition, mark in marks.items() if only is None or partition in only}
        starts = {partition: (offsets or {}).get(partition, mark.low) for partition, mark in marks.items()}
        for partition in sorted({*starts, *(offsets or {})}):
            self._check(partition, (offsets or {}).get(partition, 0), marks.get(partition), bool(offsets))
        self.positions = dict(starts)
        self._consumer.assign([confluent_kafka.TopicPartition(self.topic, *place) for place in starts.items()])
        return starts

    def seek(self, partition: int, offset: int) -> None:
        """Read an assigned partition from `offset` on."""
        with self.cluster.told(f"{self.topic!r} cannot be read from offset {offset} of partition {partition}"):
            self._consumer.seek(confluent_kafka.TopicPartition(self.topic, partition, offset))
        self.positions[partition] = offset

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
                self.positions[messages[-1].partition] = messages[-1].offset + 1
            elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                self.positions[int(found.partition() or 0)] = int(found.offset() or 0)
            elif not is_passing(error):
                raise self.cluster.error(f"topic {self.topic!r} cannot be read", error)
        return messages

    def read_to_end(self, max_messages: int = 1000) -> Iterator[Message]:
        """Every message up to the end as it is now.

        Raises:
            ServiceUnavailableError: nothing came for a while.
            ServiceRejectedError: as of `poll`.
        """
        ends, deadline = self.ends(), time.monotonic() + ANSWER_SECONDS
        while any(self.positions[partition] < end for partition, end in ends.items()):
            before = dict(self.positions)
            yield from self.poll(max_messages, 0.1)
            if self.positions != before:
                deadline = time.monotonic() + ANSWER_SECONDS
            elif time.monotonic() > deadline:
                raise self.cluster.error(f"the end of {self.topic!r} cannot be read", timed_out())

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _check(self, partition: int, offset: int, mark: Watermarks | None, told: bool) -> None:
        if told and (mark is None or not mark.low <= offset <= mark.high):
            holds = "is not there" if mark is None else f"holds {mark.low} to {mark.high}"
            raise self.cluster.rejected(
                f"offset {offset} was read of partition {partition} of {self.topic!r}, which {holds}: the topic was "
                "made anew or shortened. Bring its records back, or give the new topic another name"
            )
