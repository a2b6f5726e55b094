"""Membership in a group of Kafka's: the cluster shares partitions among all processes that are there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ai_patterns.clients.kafka_records import is_passing
from ai_patterns.errors import MissingDependencyError

try:
    import confluent_kafka
except ImportError:
    raise MissingDependencyError("confluent-kafka", "kafka") from None

if TYPE_CHECKING:
    from ai_patterns.clients.kafka_cluster import Cluster

SESSION_SECONDS = 10
"""After so long without a sign of life a member's partitions go to the others."""


class GroupMember:
    """A member that reads nothing and commits nothing: it only learns who has what.

    The group is no lock: a member that stood still is told too late that it has a partition no more. Whoever writes for
    a partition claims it in the store first, which refuses the older claim.

    Args:
        cluster: the cluster.
        group: the group's name.
        topics: the topics whose partitions are shared.
    """

    def __init__(self, cluster: Cluster, group: str, topics: Collection[str]) -> None:
        self._cluster, self._group, self._topics = cluster, group, sorted(topics)
        self._held: dict[str, frozenset[int]] = {}
        self._consumer = confluent_kafka.Consumer(
            {
                **cluster.settings(),
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
                "partition.assignment.strategy": "roundrobin",  # `range` gives the first of every topic to one member
                "session.timeout.ms": SESSION_SECONDS * 1000,
            }
        )
        self._join()

    def look(self) -> Mapping[str, frozenset[int]]:
        """The partitions that this member has now, by topic; none while the group shares them anew.

        Call it often: the group waits for each member's answer before it gives a partition to another one.

        Raises:
            ServiceRejectedError: a topic is absent, or the cluster refuses the member.
        """
        message = self._consumer.poll(0)
        error = message.error() if message is not None else None
        if error is not None and not is_passing(error):
            raise self._cluster.error(f"group {self._group!r} cannot share {', '.join(self._topics)}", error)
        return self._held

    def rejoin(self) -> bool:
        """Give all partitions back and ask for some again; True, since the group has others to give."""
        self._consumer.unsubscribe()
        self._held = {}
        self._join()
        return True

    def close(self) -> None:
        """Leave: the others get the partitions at once."""
        self._consumer.close()

    def _join(self) -> None:
        self._consumer.subscribe(self._topics, on_assign=self._take, on_revoke=self._give, on_lost=self._give)

    def _take(self, consumer: confluent_kafka.Consumer, places: list[confluent_kafka.TopicPartition]) -> None:
        consumer.assign(places)
        consumer.pause(places)
        self._held = {
            topic: frozenset(place.partition for place in places if place.topic == topic)
            for topic in {place.topic for place in places}
        }

    def _give(self, consumer: confluent_kafka.Consumer, _: list[confluent_kafka.TopicPartition]) -> None:
        self._held = {}
        consumer.unassign()
