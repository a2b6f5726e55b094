"""Predictions by a topic, which lands in the lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ai_patterns.clients.kafka import Broker, Record, TopicProducer
from ai_patterns.core.prediction_topic import encode
from ai_patterns.services.inference.logged import Scored, log_columns
from ai_patterns.spec.system import SystemSpec

_LARGEST_ROW = 100_000_000
"""Bytes; a body that the service lets in shall fit, whatever its limit."""

TOPIC_SETTINGS = {"retention.ms": "-1", "max.message.bytes": str(_LARGEST_ROW)}
"""What has not landed must stay, and a row that was answered must fit."""

_PRODUCER_SETTINGS = {
    "message.max.bytes": _LARGEST_ROW,
    "delivery.timeout.ms": 5000,  # what is not confirmed by then is the queue's again, and the service may end
}


@dataclass
class TopicSink:
    """Sends to a topic, which is made with the first write if it is absent.

    A write that the broker did not confirm is sent again and may be in the topic twice: whoever reads it tells rows
    apart by their key, the prediction's id.
    """

    system: SystemSpec
    broker: Broker
    topic: str
    name: ClassVar[str] = "Kafka"
    conn_id: ClassVar[str] = "ai_patterns_kafka"
    write_rows: ClassVar[int] = 256
    _producer: TopicProducer | None = field(default=None, init=False)

    def write(self, batches: Sequence[Scored]) -> None:
        """Send the rows and wait until the broker has all of them.

        Raises:
            ServiceUnavailableError: the cluster is away.
            ServiceRejectedError: it refuses the topic or a row.
        """
        producer, self._producer = self._producer or self._connect(), None
        for key, value in encode(self.system, log_columns(self.system, batches)):
            producer.send(self.topic, Record(value, key))
        producer.flush()
        self._producer = producer  # one that failed is never used again: some of its errors are final

    def _connect(self) -> TopicProducer:
        if self.topic not in self.broker.topics():  # to look needs fewer rights than to make
            self.broker.create_topic(self.topic, settings=TOPIC_SETTINGS)
        return TopicProducer(self.broker, _PRODUCER_SETTINGS)
