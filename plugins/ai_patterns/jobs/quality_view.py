"""Data quality for people: the newest verdicts of each family, and what waits in quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai_patterns.clients.lake import Lake
from ai_patterns.jobs.checks import CHECKS
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.jobs.whole_table import query
from ai_patterns.spec.system import SystemSpec

Rows = list[Mapping[str, Any]]


_NEWEST = """SELECT * FROM stored
QUALIFY day = max(day) OVER (PARTITION BY family) ORDER BY family, passed, "check", subject"""


def newest_verdicts(lake: Lake) -> Rows:
    """The verdicts of the newest checked day of each family, by family, and what failed first."""
    if table_facts(lake, CHECKS) is None:
        return []
    rows: Rows = query(lake, CHECKS, _NEWEST).to_pylist()
    return rows


def read_verdicts(lake: Lake) -> dict[str, Rows]:
    """The same verdicts by their family."""
    found: dict[str, Rows] = {}
    for row in newest_verdicts(lake):
        found.setdefault(row["family"], []).append(row)
    return found


def read_quarantine(system: SystemSpec, lake: Lake) -> Rows:
    """Rows that wait in quarantine by `stream`, `day` and `reason`, the newest first."""
    found: Rows = []
    for stream in system.streams:
        table = f"quarantine/{stream}"
        if table_facts(lake, table) is None:
            continue
        counted = query(lake, table, "SELECT day, reason, count(*) AS rows FROM stored GROUP BY ALL")
        found += [{"stream": stream, **row} for row in counted.to_pylist()]
    return sorted(found, key=lambda row: (row["day"], row["stream"], row["reason"]), reverse=True)
