"""A Kafka cluster: its topics and their offsets, and its errors as the package's own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ai_patterns.clients.kafka_records import Watermarks, is_passing
from ai_patterns.errors import MissingDependencyError, ServiceError, ServiceRejectedError, ServiceUnavailableError

try:
    import confluent_kafka
    from confluent_kafka import TopicCollection
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._listoffsets import OffsetSpec  # its public name is not exported to type checkers
    from confluent_kafka.cimpl import NewTopic
except ImportError:
    raise MissingDependencyError("confluent-kafka", "kafka") from None

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

ANSWER_SECONDS = 20.0
"""How long a cluster may take."""

KEEP_ALL = {"retention.ms": "-1"}
"""Retention goes by record timestamps, so a replay of past years needs a topic that keeps everything."""


@dataclass(frozen=True)
class Cluster:
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
        """Create a topic, and wait until its partitions have leaders; False when there is one of that name.

        Raises:
            ServiceUnavailableError: the cluster is away.
            ServiceRejectedError: it refuses the name or a setting.
        """
        admin = self._admin()  # a client that goes out of sight gives up what it was asked
        with self.told(f"topic {topic!r} cannot be created"):
            try:
                admin.create_topics([NewTopic(topic, partitions, config=dict(settings))])[topic].result()
            except confluent_kafka.KafkaException as error:
                if error.args[0].code() == confluent_kafka.KafkaError.TOPIC_ALREADY_EXISTS:
                    return False
                raise
        self._await_leaders(topic)
        return True

    def _await_leaders(self, topic: str) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                self.watermarks(topic)
                return
            except ServiceError:  # not known everywhere yet, or without a leader
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def topics(self) -> list[str]:
        """Names of the cluster's topics.

        Raises:
            ServiceUnavailableError: the cluster is away.
        """
        with self.told("its topics cannot be listed"):
            return sorted(self._admin().list_topics(timeout=ANSWER_SECONDS).topics)

    def watermarks(self, topic: str) -> dict[int, Watermarks]:
        """First and next offset of each partition; an open transaction lies past the next one.

        Raises:
            ServiceUnavailableError: the cluster is away.
            ServiceRejectedError: there is no such topic.
        """
        # Not by a reader's own connection: an answer there waits behind its fetches, half a second each.
        admin = self._admin()
        with self.told(f"watermarks of {topic!r} cannot be read"):
            found = admin.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
            if found.error is not None:
                raise self.error(f"topic {topic!r} cannot be read", found.error)
            bounds = (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]
            lows, highs = (self._offsets(admin, topic, found.partitions, bound) for bound in bounds)
        return {partition: Watermarks(lows[partition], highs[partition]) for partition in sorted(lows)}

    def _offsets(self, admin: AdminClient, topic: str, partitions: Iterable[int], bound: OffsetSpec) -> dict[int, int]:
        asked = {confluent_kafka.TopicPartition(topic, partition): bound for partition in partitions}
        answers = admin.list_offsets(
            asked, isolation_level=confluent_kafka.IsolationLevel.READ_COMMITTED, request_timeout=ANSWER_SECONDS
        )
        return {place.partition: answer.result().offset for place, answer in answers.items()}

    def lag(self, topic: str, offsets: Mapping[int, int]) -> int:
        """Records of the topic that are not read yet.

        Args:
            topic: its name.
            offsets: next offset to read of each partition; a partition that is not named counts from its start.
        """
        marks = self.watermarks(topic)
        return sum(max(mark.high - offsets.get(partition, mark.low), 0) for partition, mark in marks.items())

    def topic_id(self, topic: str) -> str:
        """The id that the cluster gave the topic when it was made; a topic made anew has another one.

        Raises:
            ServiceUnavailableError: the cluster is away.
            ServiceRejectedError: there is no such topic.
        """
        admin = self._admin()
        with self.told(f"topic {topic!r} cannot be described"):
            return str(admin.describe_topics(TopicCollection([topic]))[topic].result().topic_id)

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
    def told(self, what: str) -> Iterator[None]:
        """Raises the package's errors for the library's, with `what` failed."""
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
