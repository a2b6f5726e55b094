"""The `checks` table: every verdict on data, features and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ai_patterns.clients.lake import DAY, Lake
from ai_patterns.core.days import Days

TABLE = "checks"
SCHEMA = pa.schema(
    [
        (DAY, pa.date32()),
        ("family", pa.string()),
        ("check", pa.string()),
        ("subject", pa.string()),
        ("value", pa.float64()),
        ("bound", pa.float64()),
        ("passed", pa.bool_()),
        ("detail", pa.string()),
    ]
)


def record_checks(lake: Lake, rows: Sequence[Mapping[str, Any]], *, family: str, days: Days) -> int:
    """Replace the verdicts of one family on `days`; return their number."""
    table = pa.Table.from_pylist([{**row, "family": family} for row in rows], SCHEMA)
    lake.replace_days(TABLE, table, days, partition_by=(DAY, "family"), where=f"family = '{family}'")
    return len(table)
