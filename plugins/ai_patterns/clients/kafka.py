"""Kafka: topics read by explicit offsets, and written idempotently.

An offset that a consumer group commits is never the truth here: whoever stores what it read stores the next offset in
the same commit, and gives it to `TopicReader.assign` when it starts again.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ai_patterns.errors import MissingDependencyError, ServiceRejectedError, ServiceUnavailableError

try:
    import confluent_kafka
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic
except ImportError:
    raise MissingDependencyError("confluent-kafka", "kafka") from None

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

log = logging.getLogger(__name__)

Headers = tuple[tuple[str, bytes | None], ...]

ANSWER_SECONDS = 20.0
DELIVERY_SECONDS = 120.0
"""How long a producer tries: longer than a killed broker needs to come back."""

KEEP_ALL = {"retention.ms": "-1"}
"""Retention goes by record timestamps, so a replay of past years needs a topic that keeps everything."""


@dataclass(frozen=True)
class Message:
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


@dataclass(frozen=True)
class Broker:
    """The way to a Kafka cluster.

    Attributes:
        servers: `host:port`, several separated by commas.
        options: further settings of the client library, such as credentials.
        conn_id: the Airflow connection that errors name.
    """

    servers: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    conn_id: str | None = None

    def create_topic(self, topic: str, partitions: int = 1, settings: Mapping[str, str] = KEEP_ALL) -> bool:
        """Create a topic; False when there is one of that name.

        Raises:
            ServiceUnavailableError: the cluster is away.
            ServiceRejectedError: it refuses the name or a setting.
        """
        admin = self._admin()  # a client that goes out of sight gives up what it was asked
        with self._told(f"topic {topic!r} cannot be created"):
            try:
                admin.create_topics([NewTopic(topic, partitions, config=dict(settings))])[topic].result()
            except confluent_kafka.KafkaException as error:
                if error.args[0].code() == confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS:
                    return False
                raise
        return True

    def watermarks(self, topic: str) -> dict[int, Watermarks]:
        """First and next offset of each partition.

        Raises:
            ServiceUnavailableError: the cluster is away.
            ServiceRejectedError: there is no such topic.
        """
        with self.reader(topic) as reader:
            return reader.watermarks()

    def lag(self, topic: str, offsets: Mapping[int, int]) -> int:
        """Records of the topic that are not read yet.

        Args:
            topic: its name.
            offsets: next offset to read of each partition; a partition that is not named counts from its start.
        """
        marks = self.watermarks(topic)
        return sum(max(mark.high - offsets.get(partition, mark.low), 0) for partition, mark in marks.items())

    def reader(self, topic: str) -> TopicReader:
        """A reader of one topic; it must be assigned before it polls."""
        return TopicReader(self, topic)

    def producer(self) -> TopicProducer:
        """An idempotent producer: what it tries again is written once and in order."""
        return TopicProducer(self)

    def settings(self) -> dict[str, Any]:
        """Settings of the client library."""
        quiet = {"log_level": 2, "reconnect.backoff.max.ms": 500}  # errors are raised, not printed
        return {"bootstrap.servers": self.servers, **quiet, **self.options}

    def rejected(self, problem: str) -> ServiceRejectedError:
        """The error for what will be refused again."""
        return ServiceRejectedError(f"Kafka at {self.servers}: {problem}.", conn_id=self.conn_id)

    def _admin(self) -> AdminClient:
        return AdminClient({**self.settings(), "socket.timeout.ms": int(ANSWER_SECONDS * 1000)})

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Raises the package's errors for the library's."""
        try:
            yield
        except confluent_kafka.KafkaException as error:
            raise self.error(what, error.args[0]) from error

    def error(self, what: str, cause: KafkaError) -> ServiceUnavailableError | ServiceRejectedError:
        """The package's error for the library's: to be tried again or not."""
        if is_passing(cause):
            problem = f"Kafka at {self.servers} is away, {what}: {cause.str()}."
            return ServiceUnavailableError(problem, conn_id=self.conn_id)
        return self.rejected(f"{what}: {cause.str()}")


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
        with self.broker._told(f"partitions of {self.topic!r} cannot be read"):
            found = self._consumer.list_topics(self.topic, timeout=ANSWER_SECONDS).topics[self.topic]
        if found.error is not None:
            raise self.broker.error(f"topic {self.topic!r} cannot be read", found.error)
        return tuple(sorted(found.partitions))

    def watermarks(self) -> dict[int, Watermarks]:
        """First and next offset of each partition, as the broker tells them now."""
        marks = {}
        for partition in self.partitions():
            place = confluent_kafka.TopicPartition(self.topic, partition)
            with self.broker._told(f"watermarks of {self.topic!r} cannot be read"):
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
        with self.broker._told(f"{self.topic!r} cannot be read from offset {offset} of partition {partition}"):
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
                messages.append(_message(found))
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


class TopicProducer:
    """Writes records, each once; leaving its block waits until all of them are written."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._failed: KafkaError | None = None
        self._producer = confluent_kafka.Producer(
            {
                **broker.settings(),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "topic.metadata.propagation.max.ms": 5000,  # an absent topic is told after this
                "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.flush()

    def send(self, topic: str, record: Record) -> None:
        """Hand over a record; it is written when `flush` has returned.

        Raises:
            ServiceUnavailableError: the buffer stays full, as the cluster is away.
        """
        place: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
        if record.timestamp_ms is not None:
            place["timestamp"] = record.timestamp_ms
        deadline = time.monotonic() + DELIVERY_SECONDS
        while True:
            try:
                self._producer.produce(
                    topic, record.value, record.key, headers=list(record.headers), on_delivery=self._note, **place
                )
            except BufferError:
                if time.monotonic() > deadline:
                    raise self._broker.error(f"records for {topic!r} cannot be written", _timed_out()) from None
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def flush(self, seconds: float = DELIVERY_SECONDS + 5) -> None:
        """Wait until every record is written.

        Raises:
            ServiceUnavailableError: not so within `seconds`; a record may be written or not.
            ServiceRejectedError: the cluster refused a record.
        """
        waiting = self._producer.flush(seconds)
        failed, self._failed = self._failed, None
        if failed is not None or waiting:
            raise self._broker.error(f"{waiting} records wait to be written", failed or _timed_out())

    def _note(self, error: KafkaError | None, _: confluent_kafka.Message) -> None:
        self._failed = self._failed or error


def is_passing(error: KafkaError) -> bool:
    """Whether the same call may succeed later: the broker is away, starts, or chooses a leader."""
    kinds = confluent_kafka.KafkaError
    local = {kinds._TRANSPORT, kinds._ALL_BROKERS_DOWN, kinds._TIMED_OUT, kinds._MSG_TIMED_OUT, kinds._RESOLVE}
    return (error.retriable() and error.code() != kinds.UNKNOWN_TOPIC_OR_PART) or error.code() in local


def _timed_out() -> KafkaError:
    return confluent_kafka.KafkaError(confluent_kafka.KafkaError._TIMED_OUT)


def _message(found: Any) -> Message:
    kind, milliseconds = found.timestamp()
    return Message(
        topic=found.topic(),
        partition=found.partition(),
        offset=found.offset(),
        key=found.key(),
        value=found.value(),
        headers=tuple(found.headers() or ()),
        timestamp_ms=milliseconds if kind != confluent_kafka.TIMESTAMP_NOT_AVAILABLE else -1,
    )
