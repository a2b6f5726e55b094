"""Holds: while a backfill changes several tables, readers stay with the versions from before it.

The table `backfills` is an append-only ledger whose lines are Delta transactions numbered from 1. An odd line places a
hold and names versions, the even line after it lifts it: that one commit turns all readers at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

TABLE = "backfills"

SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("backfill", pa.string()),
        ("versions", pa.string()),
        ("partitions", pa.string()),
    ]
)
"""`versions` (table -> Delta version before the backfill) and `partitions` (table -> day -> rows that differ): JSON."""


def read_number(path: str, options: Mapping[str, str]) -> int:
    """Number of the ledger's newest line, 0 before the first backfill; odd while a hold is in place."""
    return _number(_open(path, options))


def read_hold(path: str, options: Mapping[str, str]) -> tuple[str, dict[str, int]]:
    """Id of the backfill that holds, and the versions that count meanwhile; both empty where nothing is held."""
    handle = _open(path, options)
    number = _number(handle)
    if handle is None or number % 2 == 0:
        return "", {}
    newest = handle.to_pyarrow_table(filters=[("number", "=", number)]).to_pylist()[0]
    return newest["backfill"], json.loads(newest["versions"])


def _open(path: str, options: Mapping[str, str]) -> DeltaTable | None:
    try:
        return DeltaTable(path, storage_options=dict(options))
    except TableNotFoundError:
        return None


def _number(handle: DeltaTable | None) -> int:
    return (handle.transaction_version(TABLE) or 0) if handle is not None else 0
