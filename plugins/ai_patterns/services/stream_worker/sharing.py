"""How workers share the partitions: each has a number for good, or Kafka's group gives to those that are there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.kafka_group import GroupMember

Share = tuple[int, int]
"""A worker's number, counted from 0, of how many."""


class Sharing(Protocol):
    """Tells a worker its partitions."""

    def look(self) -> Mapping[str, frozenset[int]]: ...  # noqa: D102
    def rejoin(self) -> bool: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class FixedShare:
    """Each partition whose number leaves the worker's as the remainder.

    Raises:
        ServiceUnavailableError: the cluster is away.
        ServiceRejectedError: there is no such topic.
    """

    def __init__(self, broker: Broker, topics: Collection[str], share: Share) -> None:
        number, of = share
        self._held = {topic: frozenset(n for n in broker.watermarks(topic) if n % of == number) for topic in topics}

    def look(self) -> Mapping[str, frozenset[int]]:
        """The same at each look."""
        return self._held

    def rejoin(self) -> bool:
        """False: who has taken a partition has the same share, and keeps it."""
        return False

    def close(self) -> None:
        """Nothing is kept open."""


def open_sharing(system: str, broker: Broker, topics: Collection[str], share: Share | None) -> Sharing:
    """A fixed share, or without one the group of all workers of the system."""
    if share is None:
        return GroupMember(broker, f"ai-patterns-{system}-stream", topics)
    return FixedShare(broker, topics, share)
