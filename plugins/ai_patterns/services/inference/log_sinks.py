"""Where predictions are logged: the lake, or a topic that lands in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from ai_patterns.services.inference.logged import Scored
from ai_patterns.spec.system import SystemSpec


class LogSink(Protocol):
    """Takes scored rows.

    Attributes:
        name: what people call it.
        conn_id: the connection that errors name.
        write_rows: rows of a write. As soon as so many wait they are written, and after an outage no more in one go: a
            service shall not grow for its log's sake.
    """

    name: ClassVar[str]
    conn_id: ClassVar[str]
    write_rows: ClassVar[int]

    def write(self, batches: Sequence[Scored]) -> None:
        """Write all rows; what fails is written again, also where a part of it was written."""


def sink_of(system: SystemSpec, lake: str, servers: str, table: str) -> LogSink:
    """Where the rows of a table are written: to their topic where the system names one and there is a broker.

    Only the sink that is wanted is imported: Arrow, Delta and what they hold are half the memory of a service.

    Args:
        system: the system's spec.
        lake: folder or URI of the lakes.
        servers: the broker, `host:port`; empty where there is none.
        table: `predictions` or `shadow_predictions`.
    """
    if servers and system.decision.topic is not None:
        from ai_patterns.clients.kafka import Broker
        from ai_patterns.core.prediction_topic import topic_of
        from ai_patterns.services.inference.topic_sink import TopicSink

        return TopicSink(system, Broker(servers), topic_of(system, table))
    from ai_patterns.clients.lake import Lake
    from ai_patterns.services.inference.lake_sink import LakeSink

    return LakeSink(system, Lake(lake, system.name), table)
