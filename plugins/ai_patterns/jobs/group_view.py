"""Feature groups for people: what each one is, how much of it there is, and how fresh it is online."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_patterns.clients.freshness import read_freshness
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.drift import DECISION
from ai_patterns.jobs.checks import CHECKS
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.jobs.whole_table import query
from ai_patterns.spec.durations import format_duration
from ai_patterns.spec.system import SystemSpec

LATEST = 14


@dataclass(frozen=True)
class GroupView:
    """One feature group.

    Attributes:
        name: its name.
        stream: the stream it aggregates.
        layer: `batch` or `stream`.
        key: its entity's columns.
        hop: the step of its windows.
        features: its features.
        changes: rows of its value log.
        last_day: the log's newest day.
        online_as_of: the instant whose values the online store was filled with, UTC; None where it never was.
        entities: how many entities were written then.
    """

    name: str
    stream: str
    layer: str
    key: tuple[str, ...]
    hop: str
    features: tuple[str, ...]
    changes: int
    last_day: dt.date | None
    online_as_of: dt.datetime | None
    entities: int


def read_groups(system: SystemSpec, lake: Lake, folder: Path | str) -> list[GroupView]:
    """Every group in declared order.

    Args:
        system: the system's spec.
        lake: its lake.
        folder: its Feast repository, which may not be there yet.
    """
    held = read_freshness(folder)
    found = []
    for name, group in system.groups.items():
        facts, online = table_facts(lake, f"values/{name}"), held.get(name)
        found.append(
            GroupView(
                name, group.stream, group.layer, group.key, format_duration(group.hop), group.features,
                facts.rows if facts else 0, facts.last_day if facts else None,
                online.as_of if online else None, online.entities if online else 0,
            )
        )  # fmt: skip
    return found


def read_drift(lake: Lake) -> list[Mapping[str, Any]]:
    """Verdicts of the drift checks of the last days: `day`, `check`, `subject`, `value`, `bound`, `passed`."""
    rows = _of_drift(lake)
    days = sorted({row[DAY] for row in rows})[-LATEST:]
    return [row for row in rows if row[DAY] in days and row["check"] != DECISION]


def read_decisions(lake: Lake) -> list[Mapping[str, Any]]:
    """Every decision on drift by `day`: `subject` is the feature named first, `strength` over 1 is an alarm."""
    return [{**row, "strength": row["value"]} for row in _of_drift(lake) if row["check"] == DECISION]


def _of_drift(lake: Lake) -> list[Mapping[str, Any]]:
    """The verdicts of this family, in order of day and subject."""
    if table_facts(lake, CHECKS) is None:
        return []
    sql = "SELECT * FROM stored WHERE family = 'drift' ORDER BY day, subject"
    rows: list[Mapping[str, Any]] = query(lake, CHECKS, sql, files="family = 'drift'").to_pylist()
    return rows
