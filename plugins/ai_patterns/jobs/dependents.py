"""What is computed from partitions of events: which partitions of which tables, and how large they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days
from ai_patterns.core.lineage import reached_days
from ai_patterns.jobs.feedback import LABELS
from ai_patterns.jobs.staged_lake import StagedLake
from ai_patterns.jobs.training_set import TABLE as TRAINING_SETS
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class Dependent:
    """Partitions of one table.

    Attributes:
        table: its name in the lake.
        days: its partitions.
        rows: how many they hold now.
        bytes: size of their files.
    """

    table: str
    days: tuple[dt.date, ...]
    rows: int
    bytes: int


def dependents(system: SystemSpec, staged: StagedLake, streams: Iterable[str], days: Days) -> dict[str, list[dt.date]]:
    """The partitions that may change with the events of `days`, by table, in the order in which they are computed.

    A bound from the formula: how far windows reach. Days that were never built are not among them. The tiles of `days`
    must have been staged.
    """
    groups = [name for name, group in system.groups.items() if group.stream in set(streams)]
    built = _built_days(system, staged)
    found = {f"tiles/{name}": [day for day in days if day in built] for name in groups}
    found |= {f"values/{name}": _within(built, _reached(system, staged, name, days)) for name in groups}
    if system.decision.label.stream in streams:
        found[LABELS] = _within(_partitions(staged, LABELS), days)
    found[TRAINING_SETS] = _training_days(staged, found, built)
    if system.decision.stream in streams:
        decided = _within(_span(_partitions(staged, TRAINING_SETS)), _decided(system, staged, days))
        found[TRAINING_SETS] = sorted({*found[TRAINING_SETS], *decided})
    return {table: chosen for table, chosen in found.items() if chosen}


def sized(lake: Lake, table: str, days: Iterable[dt.date]) -> Dependent:
    """Partitions of a table with what they hold now, from its Delta log."""
    chosen = tuple(days)
    files = pa.table(lake.open(table).get_add_actions(flatten=True))
    files = files.filter(pc.is_in(files[f"partition.{DAY}"], pa.array(chosen, pa.date32())))
    rows, size = (pc.sum(files[name]).as_py() or 0 for name in ("num_records", "size_bytes"))
    return Dependent(table, chosen, rows, size)


def _training_days(staged: StagedLake, found: dict[str, list[dt.date]], built: set[dt.date]) -> list[dt.date]:
    """Days of decisions that may read one of the changed values."""
    changed = {day for table, days in found.items() if table.startswith("values/") for day in days}
    return sorted(_span(changed) & _span(_partitions(staged, TRAINING_SETS)) & built)


def _reached(system: SystemSpec, staged: StagedLake, name: str, days: Days) -> Days:
    """The days of a group's value log that its tiles of `days`, old and new, reach."""
    newest = [_greatest(lake, f"tiles/{name}", "tile_end", days) for lake in (staged.staging.lake, staged)]
    return reached_days(system.groups[name], days, max((end for end in newest if end is not None), default=None))


def _decided(system: SystemSpec, staged: StagedLake, days: Days) -> Days:
    """The days on which the decisions about events of `days`, old and new, are due."""
    time, table = system.decision_stream.event_time, f"events/{system.decision.stream}"
    spans = [
        pc.min_max(lake.dataset(table, days).to_table(columns=[time])[time]).as_py()
        for lake in (staged.staging.lake, staged)
    ]
    due = [instant - system.decision.lead for span in spans for instant in span.values() if instant is not None]
    return Days(min(due).date(), max(due).date()) if due else days


def _built_days(system: SystemSpec, lake: Lake) -> set[dt.date]:
    tables = [f"{part}/{name}" for part in ("tiles", "values") for name in system.groups]
    return set[dt.date]().union(*(_partitions(lake, table) for table in tables))


def _partitions(lake: Lake, table: str) -> set[dt.date]:
    if not lake.exists(table):
        return set()
    return {dt.date.fromisoformat(str(each[DAY])) for each in lake.open(table).partitions()}


def _span(days: set[dt.date]) -> set[dt.date]:
    return set(Days(min(days), max(days))) if days else set()


def _within(days: Iterable[dt.date], span: Days) -> list[dt.date]:
    return sorted(day for day in days if span.first <= day <= span.last)


def _greatest(lake: Lake, table: str, column: str, days: Days) -> int | None:
    found: int | None = pc.max(lake.dataset(table, days).to_table(columns=[column])[column]).as_py()
    return found
