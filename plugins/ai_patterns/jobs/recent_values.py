"""What one decision reads of the value logs, without the rest of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.jobs.whole_table import query
from ai_patterns.spec.system import SystemSpec

_REACHES = (2, 16, 128)
"""Days before a decision that are searched, until there is a value: nearly every entity changed of late."""


def recent_relations(system: SystemSpec, lake: Lake, decision: Mapping[str, Any]) -> dict[str, object]:
    """The relations of `jobs.training_set.feature_relations`, narrowed to what one decision reads.

    Args:
        system: the system.
        lake: its lake.
        decision: inputs and `decided_at`.
    """

    def read() -> dict[str, object]:
        found: dict[str, object] = {f"values_{name}": _recent(system, lake, name, decision) for name in system.groups}
        dimensions = {lookup.dimension for lookup in system.lookups.values()}
        return found | {f"dimension_{name}": lake.dataset(f"dimensions/{name}") for name in dimensions}

    return lake.consistently(read)


def _recent(system: SystemSpec, lake: Lake, group: str, decision: Mapping[str, Any]) -> pa.Table:
    """The log's newest rows of the decision's entity: the one that it reads is among them."""
    table, at = f"values/{group}", decision["decided_at"]
    key = {name: decision[name] for name in system.key_of(group)}
    known = "SELECT * FROM stored WHERE valid_from <= $decided_at"
    sql = " AND ".join([known, *(f"{name} = ${name}" for name in key)])
    for reach in _REACHES:
        days = f"{DAY} >= '{at.date() - dt.timedelta(days=reach)}' AND {DAY} <= '{at.date()}'"
        found = query(lake, table, sql, parameters={**key, "decided_at": at}, files=days)
        if found.num_rows or None in key.values():
            return found
    return query(lake, table, sql, parameters={**key, "decided_at": at})
