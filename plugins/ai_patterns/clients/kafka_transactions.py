"""Records written to Kafka in transactions: all of a transaction or none, and by one writer of a name at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ai_patterns.clients.kafka_producer import DELIVERY_SECONDS, TopicProducer
from ai_patterns.errors import FencedError, MissingDependencyError

try:
    import confluent_kafka
except ImportError:
    raise MissingDependencyError("confluent-kafka", "kafka") from None

if TYPE_CHECKING:
    from ai_patterns.clients.kafka_cluster import Cluster

_LARGEST_RECORD = 100_000_000
"""Bytes; the topic's own limit decides."""


class TransactionalProducer(TopicProducer):
    """Writes records in transactions; entering its block ends what an earlier writer of the name left open.

    From then on the earlier writer can write no more (KIP-98, "Exactly Once Delivery and Transactional Messaging").
    """

    def __init__(self, cluster: Cluster, name: str) -> None:
        settings = {
            "transactional.id": name,
            "transaction.timeout.ms": int(DELIVERY_SECONDS * 1000) + 10_000,
            "message.max.bytes": _LARGEST_RECORD,
        }
        # A record that fails fails its transaction. A listener would be called amid the library's own error, and break.
        super().__init__(cluster, settings, listen=False)
        self.name = name

    def __enter__(self) -> Self:
        with self._told("cannot be claimed"):
            self._producer.init_transactions(DELIVERY_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.purge(in_queue=True, in_flight=True)  # nothing is left of a finished transaction

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """What is sent in the block is written when it ends, or not at all.

        Raises:
            FencedError: another writer of the name came; nothing was written.
            ServiceUnavailableError: the cluster is away; it was written or not, as the next writer of the name sees.
            ServiceRejectedError: the cluster refused a record; nothing was written.
        """
        with self._told("failed"):
            self._producer.begin_transaction()
            try:
                yield
                self._producer.commit_transaction(DELIVERY_SECONDS)
            except BaseException:
                with contextlib.suppress(confluent_kafka.KafkaException):
                    self._producer.abort_transaction(DELIVERY_SECONDS)
                raise

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except confluent_kafka.KafkaException as error:
            raise self._error(f"the transaction of {self.name!r} {what}", error.args[0]) from error

    def _error(self, what: str, cause: Any) -> Exception:
        kinds = confluent_kafka.KafkaError
        if cause.code() in {kinds._FENCED, kinds.INVALID_PRODUCER_EPOCH, kinds.PRODUCER_FENCED}:
            problem = f"{what}: another writer of this name took over. This one stops; let one run."
            return FencedError(problem, conn_id=self._cluster.conn_id)
        return super()._error(what, cause)
