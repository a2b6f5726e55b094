"""The backfill's DAG is never scheduled, and backfilled by Airflow like any other."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from airflow.utils.types import DagRunType

from ai_patterns.patterns.backfill import build
from ai_patterns.patterns.timetable import BackfillTimetable
from ai_patterns.spec.system import SystemSpec


@pytest.fixture
def stored(docks: SystemSpec) -> Any:
    """The DAG as the scheduler reads it from Airflow's database."""
    from airflow.serialization.serialized_objects import DagSerialization

    (dag,) = build(docks)
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("first", "last", "keys"),
    [
        ("2024-03-01T00:00+00:00", "2024-03-03T00:00+00:00", ["2024-03-01", "2024-03-02", "2024-03-03"]),
        ("2024-03-01T00:00:01+00:00", "2024-03-02T23:00+00:00", ["2024-03-02"]),
        ("2024-03-01T02:00+02:00", "2024-03-01T02:00+02:00", ["2024-03-01"]),
        ("2024-03-01T01:00+00:00", "2024-03-01T23:00+00:00", []),
    ],
)
def test_each_day_of_a_backfill_is_a_run(stored: Any, first: str, last: str, keys: list[str]) -> None:
    infos = list(stored.iter_dagrun_infos_between(instant(first), instant(last)))
    assert [info.partition_key for info in infos] == keys
    assert [str(info.partition_date.date()) for info in infos] == keys


def test_the_scheduler_starts_no_run(stored: Any) -> None:
    assert isinstance(stored.timetable, BackfillTimetable)
    assert stored.timetable.periodic, "Airflow backfills nothing else"
    assert stored.next_dagrun_info(last_automated_run_info=None) is None


@pytest.mark.parametrize("key", ["2024-03-01", "2024-03-01/2024-03-07"])
def test_a_run_by_hand_takes_a_day_or_a_range(stored: Any, key: str) -> None:
    stored.validate_partition_key(key)
    assert stored.timetable.resolve_partition_date(key) is None


def test_a_day_may_be_backfilled_again(stored: Any) -> None:
    (info,) = stored.iter_dagrun_infos_between(instant("2024-03-01T00:00+00:00"), instant("2024-03-01T00:00+00:00"))
    names = {
        stored.timetable.generate_run_id(
            run_type=DagRunType.BACKFILL_JOB, run_after=info.run_after, data_interval=None, partition_key="2024-03-01"
        )
        for _ in range(2)
    }
    assert len(names) == 2
    assert all(name.startswith("backfill__2024-03-01T00:00:00+00:00__") for name in names)


def test_one_backfill_is_at_work_at_a_time(stored: Any) -> None:
    assert stored.task_dict["backfill_partition"].max_active_tis_per_dag == 1
    assert [outlet.name for outlet in stored.task_dict["announce_backfill"].outlets] == ["docks/batch_tiles"]
    assert stored.task_dict["backfill_partition"].outlets == []
