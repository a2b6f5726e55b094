"""Data quality for people: the newest verdicts of each family, and what waits in quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from ai_patterns.clients.lake import DAY, Lake
from ai_patterns.jobs.checks import CHECKS
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.spec.system import SystemSpec

Rows = list[Mapping[str, Any]]


def read_verdicts(lake: Lake) -> dict[str, Rows]:
    """The verdicts of the newest checked day of each family, what failed first."""
    if table_facts(lake, CHECKS) is None:
        return {}
    rows = lake.read(CHECKS)
    found: dict[str, Rows] = {}
    for family in sorted(set(rows["family"].to_pylist())):
        part = rows.filter(pc.equal(rows["family"], family))
        newest = part.filter(pc.equal(part[DAY], pc.max(part[DAY])))
        order = [("passed", "ascending"), ("check", "ascending"), ("subject", "ascending")]
        found[family] = newest.sort_by(order).to_pylist()
    return found


def read_quarantine(system: SystemSpec, lake: Lake) -> Rows:
    """Rows that wait in quarantine by `stream`, `day` and `reason`, the newest first."""
    found: Rows = []
    for stream in system.streams:
        table = f"quarantine/{stream}"
        if table_facts(lake, table) is None:
            continue
        rows = lake.read(table, columns=[DAY, "reason"]).to_pylist()
        counted = Counter((row[DAY], row["reason"]) for row in rows)
        found += [
            {"stream": stream, "day": day, "reason": reason, "rows": count} for (day, reason), count in counted.items()
        ]
    return sorted(found, key=lambda row: (row["day"], row["stream"], row["reason"]), reverse=True)
