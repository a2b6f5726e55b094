"""Waits until the lake has caught up with topics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import Context

from ai_patterns.hooks.kafka import KafkaHook
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.hooks.systems import find_system
from ai_patterns.sensors.deferring import DeferringSensor
from ai_patterns.triggers.consumer_lag import ConsumerLagTrigger


class TopicCaughtUpSensor(DeferringSensor):
    """Waits until what streams' topics hold is in the lake.

    Args:
        system: name of the system, or the folder that holds its `system.yaml`.
        streams: streams that have a topic; by default all of them.
        max_lag: records of each topic that may wait still.
        lake_conn_id: connection of the lake.
        kafka_conn_id: connection of the cluster.
        kwargs: as of `DeferringSensor`.
    """

    template_fields: Sequence[str] = ("system", "streams", "max_lag")

    def __init__(
        self,
        *,
        system: str | Path,
        streams: Sequence[str] | None = None,
        max_lag: int | str = 0,
        lake_conn_id: str = LakeHook.default_conn_name,
        kafka_conn_id: str = KafkaHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.system, self.streams, self.max_lag = str(system), streams, max_lag
        self.lake_conn_id, self.kafka_conn_id = lake_conn_id, kafka_conn_id

    def trigger(self, context: Context) -> ConsumerLagTrigger:  # noqa: ARG002  the signature is the sensors'
        """The trigger that waits for the same topics."""
        from ai_patterns.jobs.landed import landed_stream, landed_streams

        spec = find_system(self.system)
        servers, settings = KafkaHook(self.kafka_conn_id).target
        uri, options = LakeHook(self.lake_conn_id).target
        names = self.streams or landed_streams(spec)
        return ConsumerLagTrigger(
            kafka={"servers": servers, "options": settings, "conn_id": self.kafka_conn_id},
            lake={"uri": uri, "system": spec.name, "options": options},
            topics={name: landed_stream(spec, name).topic for name in names},
            max_lag=int(self.max_lag),
            poll_interval=self.poke_interval,
        )

    def look(self, context: Context) -> dict[str, int] | None:
        """The lag by stream, once it is small enough."""
        return self.trigger(context).look()
