"""A timetable for DAGs that run when they are asked to: for a day by hand, for many by Airflow's backfill."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from airflow.timetables.base import DagRunInfo, DataInterval
from airflow.timetables.simple import NullTimetable
from airflow.utils.types import DagRunType
from pendulum import instance

if TYPE_CHECKING:
    from pendulum import DateTime


class BackfillTimetable(NullTimetable):
    """Each UTC day is a partition; the scheduler itself starts no run.

    Airflow backfills only what is `periodic`, which neither `schedule=None` nor `PartitionedAtRuntime` is. A run by
    hand may have any key, such as a range of days: no key is decoded.
    """

    description = "Never by itself; by hand, or a run for each day of a backfill"
    periodic = True
    partitioned = True

    @property
    def summary(self) -> str:
        """What the web UI shows as the schedule."""
        return "Backfill"

    def iter_partition_dagrun_infos(self, *, earliest: dt.datetime, latest: dt.datetime) -> Iterator[DagRunInfo]:
        """A run for each day whose first instant (UTC) lies between these instants, both included."""
        start = instance(earliest).in_timezone("UTC")
        day = start.start_of("day")
        day = day if day == start else day.add(days=1)
        while day <= latest:
            yield DagRunInfo(run_after=day, data_interval=None, partition_date=day, partition_key=day.to_date_string())
            day = day.add(days=1)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """A name of its own for each run: a day may be backfilled again."""
        name = super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)
        return f"{name}__{token_hex(4)}"
