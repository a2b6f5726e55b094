"""What a system costs: rows, files and bytes of each of its tables, from the Delta logs alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.spec.system import SystemSpec

_PLAIN = (
    "training_sets", "predictions", "landed_labels", "labels", "performance", "checks", "parity", "parity_summary",
    "certificates", "certificate_differences", "promotions", "retrainings",
    "rollouts", "shadow_predictions",
)  # fmt: skip


@dataclass(frozen=True)
class TableCost:
    """What one table holds at present; older versions that are kept for a while come on top.

    Attributes:
        table: its name in the lake.
        rows: number of rows.
        files: number of data files.
        bytes: their size.
        days: number of its partitions by day; 0 for a table without days.
        last_day: the newest of them.
    """

    table: str
    rows: int
    files: int
    bytes: int
    days: int
    last_day: dt.date | None

    @property
    def bytes_a_day(self) -> float | None:
        """Bytes of a day on average."""
        return self.bytes / self.days if self.days else None


def read_costs(system: SystemSpec, lake: Lake) -> list[TableCost]:
    """Every table that exists, the largest first."""
    found = [cost for cost in (_cost(lake, name) for name in table_names(system)) if cost is not None]
    return sorted(found, key=lambda cost: -cost.bytes)


def table_names(system: SystemSpec) -> tuple[str, ...]:
    """Every table that a system may have."""
    streams, groups = system.streams, system.groups
    names = [f"{part}/{name}" for part in ("events", "landed", "quarantine") for name in streams]
    names += [f"{part}/{name}" for part in ("tiles", "values") for name in groups]
    names += [f"dimensions/{name}" for name in system.dimensions]
    return (*names, *_PLAIN)


def _cost(lake: Lake, table: str) -> TableCost | None:
    try:
        files = pa.table(lake.open(table).get_add_actions(flatten=True))
    except ServiceUnavailableError:
        return None
    days = pc.unique(files[f"partition.{DAY}"]) if f"partition.{DAY}" in files.column_names else None
    last = pc.max(days).as_py() if days is not None and len(days) else None
    rows, size = (pc.sum(files[name]).as_py() or 0 for name in ("num_records", "size_bytes"))
    return TableCost(table, rows, len(files), size, len(days) if days is not None else 0, last)
