"""Rows of Feast's SQLite table: the statements, and what they are given."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.feast.rows import Rows, none_created

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What a row stands for: our instant where it is of this `event_ts`, else Feast's seconds read as Feast reads them.
HELD = (
    "CASE WHEN event_of = event_ts THEN event_us "
    "ELSE CAST(strftime('%s', event_ts, 'unixepoch', 'localtime') AS INTEGER) * 1000000 END"
)

_AT_A_TIME = 5_000
"""Rows whose values are Python's at a time: those of a whole batch take a tenth of a large write's memory."""


@contextmanager
def indexed_at_the_end(connection: sqlite3.Connection, table: str) -> Iterator[None]:
    """The indexes of a table that is empty yet are made when all is in it, which takes half the time."""
    found: list[tuple[str, str]] = []
    if connection.execute(f"SELECT NOT EXISTS (SELECT 1 FROM {quoted(table)})").fetchone()[0]:
        made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?"
        found = connection.execute(made, (table,)).fetchall()
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")  # else each of what follows would be committed by itself
    for name, _ in found:
        connection.execute(f"DROP INDEX {quoted(name)}")
    yield
    connection.execute("PRAGMA threads = 1")  # one more than this, to sort
    for _, sql in found:
        connection.execute(sql)


def upsert(table: str, rows: Rows, keep_newer: bool) -> str:
    """One statement an entity: 1 is its key, 2 and 3 Feast's times, 4 ours, then each feature's value and its text."""
    tuples, place = list[str](), 5
    for name in rows.values:
        has_text = _has_text(rows, name)
        text = f"?{place + 1}" if has_text else "NULL"
        tuples.append(f"(?1, {_text(name)}, ?{place}, {text}, ?2, ?3, ?4, ?2)")
        place += 1 + has_text
    columns = ("value", "value_text", "event_ts", "created_ts", "event_us", "event_of")
    assigned = ", ".join(f"{column} = excluded.{column}" for column in columns)
    return (
        f"INSERT INTO {table} (entity_key, feature_name, {', '.join(columns)}) VALUES {', '.join(tuples)} "
        f"ON CONFLICT (entity_key, feature_name) DO UPDATE SET {assigned}"
        + (f" WHERE excluded.event_us >= {HELD}" if keep_newer else "")
    )


def parameters(rows: Rows) -> Iterator[tuple[Any, ...]]:
    """What `upsert` takes, in the order of the keys, so that neighbours in the table are written in turn."""
    order = pc.sort_indices(rows.keys).to_numpy()
    for start in range(0, len(order), _AT_A_TIME):
        part = rows.take(order[start : start + _AT_A_TIME])
        moments = _feast_seconds(part.event), _created(part), part.event.tolist()
        yield from zip(_blobs(part.keys), *moments, *_bound(rows, part))  # noqa: B905


def _created(rows: Rows) -> Iterable[int | None]:
    if rows.created is None:
        return repeat(None)
    seconds = _feast_seconds(rows.created)
    return [None if none else second for none, second in zip(none_created(rows.created), seconds, strict=True)]


def _bound(rows: Rows, part: Rows) -> Iterator[Iterable[bytearray | str | None]]:
    """Of a part of the rows, what a statement takes that was made for all of them."""
    for name, values in part.values.items():
        yield _blobs(values)
        if _has_text(rows, name):
            yield part.texts[name].to_pylist()


def _blobs(values: pa.Array) -> Iterator[bytearray]:
    """What `sqlite3` binds as it is: for each `bytes` it looks for an adapter, a sixth of a write's time."""
    return map(bytearray, values.to_pylist())


def _has_text(rows: Rows, name: str) -> bool:
    """Of numbers Feast keeps no text; to say so once a row is what a million rows take seconds for."""
    return bool(rows.texts[name].null_count < len(rows))


def _feast_seconds(moments: npt.NDArray[np.int64]) -> list[int]:
    """The seconds that Feast keeps of instants: of the UTC time, read as if it were local, without its fraction."""
    seconds, rest = np.divmod(moments, 1_000_000)
    unique, places = np.unique(seconds, return_inverse=True)
    if time.timezone or time.daylight:
        unique = np.array([_wall_seconds(second) for second in unique.tolist()], np.int64)
    shifted = unique[places]
    return list((shifted + ((shifted < 0) & (rest > 0))).tolist())


def _wall_seconds(second: int) -> int:
    """Of a UTC second, when the clock on the wall here shows the same."""
    return int((EPOCH + timedelta(seconds=second)).replace(tzinfo=None).timestamp())


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
