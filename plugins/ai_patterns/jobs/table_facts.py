"""What a table's Delta log tells without reading a row."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.errors import ServiceUnavailableError


@dataclass(frozen=True)
class TableFacts:
    """Size and age of one table.

    Attributes:
        rows: number of rows.
        first_day: its first partition; None for a table without days.
        last_day: its last partition.
        written_at: when its newest file was written, UTC.
    """

    rows: int = 0
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    written_at: dt.datetime | None = None


def table_facts(lake: Lake, table: str) -> TableFacts | None:
    """Facts of a table, None where it is absent."""
    try:
        files = pa.table(lake.open(table).get_add_actions(flatten=True))
    except ServiceUnavailableError:
        return None
    if not len(files):
        return TableFacts()
    days = files[f"partition.{DAY}"] if f"partition.{DAY}" in files.column_names else None
    span = pc.min_max(days).as_py() if days is not None else {"min": None, "max": None}
    newest = dt.datetime.fromtimestamp(pc.max(files["modification_time"]).as_py() / 1000, dt.UTC)
    return TableFacts(pc.sum(files["num_records"]).as_py() or 0, span["min"], span["max"], newest)
