"""Which of Kafka's errors pass by themselves."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from ai_patterns.clients.kafka_records import is_passing


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    ],
)
def test_what_a_restarted_broker_answers_passes(code: int) -> None:
    assert is_passing(KafkaError(code))


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED])
def test_what_will_be_refused_again_does_not(code: int) -> None:
    assert not is_passing(KafkaError(code))
