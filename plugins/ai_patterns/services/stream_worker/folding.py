"""A batch of a stream's decoded rows, folded into the tile rows of every group that aggregates it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from ai_patterns.clients.tile_transaction import Context, Folded
from ai_patterns.core.messages import OFFSET, PARTITION
from ai_patterns.core.speed import fold_sql, partial_names
from ai_patterns.core.tile_rows import Change
from ai_patterns.engines.duckdb import connect
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

IDENTITY, KNOWN_DAY = "_identity", "_known_day"
"""Helper columns: what tells the event from every other, as one text, and the UTC day of its known time."""

_LONG_AGO = dt.datetime(1, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Batch:
    """Rows of one stream, each event once.

    Attributes:
        rows: the declared columns, partition and offset, `IDENTITY` and `KNOWN_DAY`.
        repeated: how many rows were left out, as their event stands earlier in the batch.
    """

    rows: pa.Table
    repeated: int

    @cached_property
    def ids(self) -> list[str]:
        """The events' identities."""
        return list(self.rows[IDENTITY].to_pylist())


class Folder:
    """Folds the batches of one stream; not safe to share between threads.

    Args:
        system: the system.
        stream: the stream's name; it has a topic.
    """

    def __init__(self, system: SystemSpec, stream: str) -> None:
        self.stream, self.spec = stream, system.streams[stream]
        self.groups = {
            name: group for name, group in system.groups.items() if group.layer == "stream" and group.stream == stream
        }
        self._connection = connect()

    def prepare(self, rows: pa.Table) -> Batch:
        """Name the events of decoded rows, and keep the first of each name."""
        day = f"CAST({self.spec.known_time} AS DATE)"
        named = self._query(
            f"SELECT *, {identity_sql(self.spec, day)} AS {IDENTITY}, {day} AS {KNOWN_DAY} FROM events "
            f"QUALIFY row_number() OVER (PARTITION BY {IDENTITY} ORDER BY {PARTITION}, {OFFSET}) = 1",
            rows,
        )
        return Batch(named, rows.num_rows - named.num_rows)

    def fold(self, batch: Batch, context: Context) -> Folded:
        """The batch's effect on a store.

        Left out are events that were folded before, that the batch layer holds, and that are older than the stream's
        lateness allows.
        """
        fresh = self._fresh(batch.rows, context)
        ids: dict[dt.date, list[str]] = defaultdict(list)
        for name, day in zip(fresh[IDENTITY].to_pylist(), fresh[KNOWN_DAY].to_pylist(), strict=True):
            ids[day].append(name)
        changes = {name: self._changes(group, fresh, context) for name, group in self.groups.items()}
        return Folded({name: found for name, found in changes.items() if found}, ids)

    def _fresh(self, rows: pa.Table, context: Context) -> pa.Table:
        known, boundary = self.spec.known_time, context.boundary
        wanted = [f"{IDENTITY} NOT IN (SELECT unnest($seen))"]
        if boundary is not None:
            oldest = boundary.at - self.spec.lateness
            ends = dict(boundary.offsets.get(str(self.spec.topic), {}))
            held = " OR ".join(f"({PARTITION} = {number} AND {OFFSET} < {end})" for number, end in ends.items())
            wanted.append(f"{known} >= TIMESTAMPTZ '{oldest.isoformat()}'")
            wanted.append(f"NOT ({known} < TIMESTAMPTZ '{boundary.at.isoformat()}' AND ({held or 'false'}))")
        return self._query(f"SELECT * FROM events WHERE {' AND '.join(wanted)}", rows, seen=sorted(context.seen))

    def _changes(self, group: GroupSpec, rows: pa.Table, context: Context) -> list[Change]:
        sealed = (context.sealed or _LONG_AGO).isoformat()
        late = f"'{self.spec.topic}/' || {PARTITION} || '/' || {OFFSET}"
        is_late = f"{self.spec.known_time} < TIMESTAMPTZ '{sealed}'"
        part = f"CASE WHEN {is_late} THEN {late} ELSE CAST({KNOWN_DAY} AS VARCHAR) END"
        found = self._query(fold_sql(group, self.spec, part), rows)
        return changes_of(group, found)

    def _query(self, sql: str, events: pa.Table, **parameters: Any) -> pa.Table:
        self._connection.register("events", events)
        return self._connection.sql(sql, params=parameters).to_arrow_table()


def identity_sql(stream: StreamSpec, day: str) -> str:
    """SQL over a stream's events that gives each one's identity as a single text.

    It is the day and the key, as in the lake, where a key may come again on another day.

    Args:
        stream: the stream.
        day: SQL for the UTC day of the known time.
    """
    parts = [f"CAST({name} AS VARCHAR)" for name in stream.key]
    key = parts[0] if len(parts) == 1 else f"CAST(to_json([{', '.join(parts)}]) AS VARCHAR)"
    return f"CAST({day} AS VARCHAR) || '/' || {key}"


def changes_of(group: GroupSpec, rows: pa.Table) -> list[Change]:
    """Folded rows as changes."""
    partials = [_partial(rows.column(name)) for name in partial_names(group)]
    keys = [rows.column(name).to_pylist() for name in group.key]
    entities = list(zip(*keys, strict=True)) if keys else [()] * rows.num_rows
    columns = (rows.column(name).to_pylist() for name in ("tile_end", "enters", "part"))
    return [
        Change(entity, tile_end, enters, part, held)
        for entity, tile_end, enters, part, held in zip(entities, *columns, zip(*partials, strict=True), strict=True)
    ]


def _partial(column: pa.ChunkedArray) -> list[Any]:
    values = column.to_pylist()
    return [list(value.values()) for value in values] if pa.types.is_struct(column.type) else values
