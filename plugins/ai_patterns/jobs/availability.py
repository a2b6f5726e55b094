"""What the lake holds already."""

from __future__ import annotations

import datetime as dt

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days


def count_rows(lake: Lake, table: str, days: Days | None = None) -> int:
    """Rows of a table, or of its partitions of `days`; 0 where the table does not exist yet."""
    return lake.dataset(table, days).count_rows() if lake.exists(table) else 0


def missing_days(lake: Lake, table: str, days: Days) -> list[dt.date]:
    """The days of `days` that have no partition in a dated table; read from the Delta log alone."""
    if not lake.exists(table):
        return list(days)
    there = {dt.date.fromisoformat(str(partition[DAY])) for partition in lake.open(table).partitions()}
    return [day for day in days if day not in there]
