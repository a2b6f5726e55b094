"""Waits for days of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import Context

from ai_patterns.core.days import Days
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.hooks.partition import days_of
from ai_patterns.hooks.systems import find_system
from ai_patterns.sensors.deferring import DeferringSensor
from ai_patterns.triggers.partition_published import PartitionPublishedTrigger


class PartitionPublishedSensor(DeferringSensor):
    """Waits until the days of a table are in the lake.

    Args:
        system: name of the system, or the folder that holds its `system.yaml`.
        table: a dated table such as `events/arrived`.
        days: the days; by default the run's.
        only_last: whether the last of the days is enough.
        lake_conn_id: connection of the lake.
        kwargs: as of `DeferringSensor`.
    """

    template_fields: Sequence[str] = ("system", "table", "days")

    def __init__(
        self,
        *,
        system: str | Path,
        table: str,
        days: str | None = None,
        only_last: bool = False,
        lake_conn_id: str = LakeHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.system, self.table, self.days = str(system), table, days
        self.only_last, self.lake_conn_id = only_last, lake_conn_id

    def trigger(self, context: Context) -> PartitionPublishedTrigger:
        """The trigger that waits for the same days."""
        days = days_of(context, self.days)
        key = str(Days(days.last, days.last) if self.only_last else days)
        uri, options = LakeHook(self.lake_conn_id).target
        return PartitionPublishedTrigger(
            uri=uri,
            system=find_system(self.system).name,
            table=self.table,
            days=key,
            options=options,
            poll_interval=self.poke_interval,
        )

    def look(self, context: Context) -> str | None:
        """The key of the days, once they are there."""
        return self.trigger(context).look()
