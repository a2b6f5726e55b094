"""Kafka: topics read by explicit offsets, and written idempotently.

An offset that a consumer group commits is never the truth here: whoever stores what it read stores the next offset in
the same commit, and gives it to `TopicReader.assign` when it starts again.
"""

from __future__ import annotations

from dataclasses import dataclass

from ai_patterns.clients.kafka_cluster import Cluster
from ai_patterns.clients.kafka_producer import TopicProducer
from ai_patterns.clients.kafka_reader import TopicReader
from ai_patterns.clients.kafka_records import Headers, Message, Record, Watermarks
from ai_patterns.clients.kafka_transactions import TransactionalProducer

__all__ = [
    "Broker",
    "Headers",
    "Message",
    "Record",
    "TopicProducer",
    "TopicReader",
    "TransactionalProducer",
    "Watermarks",
]


@dataclass(frozen=True)
class Broker(Cluster):
    """The way to a Kafka cluster, and to all that reads and writes there."""

    def reader(self, topic: str) -> TopicReader:
        """A reader of one topic; it must be assigned before it polls."""
        return TopicReader(self, topic)

    def producer(self) -> TopicProducer:
        """An idempotent producer: what it tries again is written once and in order."""
        return TopicProducer(self)

    def transactional(self, name: str) -> TransactionalProducer:
        """A producer of transactions; of those with one `name` only the newest can write."""
        return TransactionalProducer(self, name)
