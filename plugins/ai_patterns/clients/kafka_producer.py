"""Writes records to Kafka: none is lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ai_patterns.clients.kafka_records import Record, timed_out
from ai_patterns.errors import MissingDependencyError

try:
    import confluent_kafka
except ImportError:
    raise MissingDependencyError("confluent-kafka", "kafka") from None

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

    from ai_patterns.clients.kafka_cluster import Cluster

DELIVERY_SECONDS = 120.0
"""How long a producer tries: longer than a killed broker needs to come back."""


class TopicProducer:
    """Writes records; leaving its block waits until all of them are written.

    Each is written once while the broker lives. One that is killed before it confirms a batch may hold it twice:
    what reads the topic tells events apart by their key.
    """

    def __init__(self, cluster: Cluster, settings: Mapping[str, object] | None = None, *, listen: bool = True) -> None:
        self._cluster = cluster
        self._failed: KafkaError | None = None
        self._listener = self._note if listen else None
        self._producer = confluent_kafka.Producer(
            {
                **cluster.settings(),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "delivery.report.only.error": True,  # a call a record into Python would tell nothing else
                "topic.metadata.propagation.max.ms": 5000,  # an absent topic is told after this
                "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
                **(settings or {}),
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
            ServiceRejectedError: the record is too large.
        """
        place: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
        if record.timestamp_ms is not None:
            place["timestamp"] = record.timestamp_ms
        deadline = time.monotonic() + DELIVERY_SECONDS
        while True:
            try:
                self._producer.produce(
                    topic, record.value, record.key, headers=list(record.headers), on_delivery=self._listener, **place
                )
            except confluent_kafka.KafkaException as error:
                raise self._error(f"a record for {topic!r} cannot be written", error.args[0]) from error
            except BufferError:
                if time.monotonic() > deadline:
                    raise self._error(f"records for {topic!r} cannot be written", timed_out()) from None
                self._producer.poll(0.1)
            else:
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
            raise self._error(f"{waiting} records wait to be written", failed or timed_out())

    def _error(self, what: str, cause: KafkaError) -> Exception:
        return self._cluster.error(what, cause)

    def _note(self, error: KafkaError | None, _: confluent_kafka.Message) -> None:
        self._failed = self._failed or error
