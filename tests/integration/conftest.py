"""Real services that the integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ai_patterns.runtimes.kafka import Kafka
from redis_server import redis

__all__ = ["redis"]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, require_program) -> Iterator[Kafka]:
    """One real broker for all tests of the session, stopped at its end."""
    for program in ("java", "mvn"):
        require_program(program)
    broker = Kafka(tmp_path_factory.mktemp("runtimes") / "kafka")
    try:
        broker.up()
        yield broker
    finally:
        broker.down()
