"""Rows of Feast's SQLite table: the statements, and what they are given."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, repeat
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

_ROWS_A_STATEMENT = 1024
"""Rows of the table; an entity has one a feature."""

_STATEMENTS = 10
"""How often a statement of many rows is used at least, since it is long to read for SQLite."""


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


def write_rows(connection: sqlite3.Connection, table: str, rows: Rows, keep_newer: bool) -> None:
    """Write rows in the order of their keys, so that neighbours in the table are written in turn.

    SQLite notes for each statement of several rows what the pages were that it changes, and for the next entity these
    are nearly the same ones: with some entities a statement, a large write takes a quarter less time.
    """
    order = pc.sort_indices(rows.keys).to_numpy()
    together = max(1, _ROWS_A_STATEMENT // len(rows.values))
    many = len(order) // together * together if len(order) >= _STATEMENTS * together else 0
    for entities, places in ((together, order[:many]), (1, order[many:])):
        if len(places):
            connection.executemany(_upsert(table, rows, keep_newer, entities), _parameters(rows, places, entities))


def _upsert(table: str, rows: Rows, keep_newer: bool, entities: int) -> str:
    """A statement that takes of each entity its key, Feast's two times, ours, then each value and its text."""
    tuples, places = list[str](), count(1)
    for _ in range(entities):
        key, event, created, moment = (f"?{next(places)}" for _ in range(4))
        for name in rows.values:
            value, text = f"?{next(places)}", f"?{next(places)}" if _has_text(rows, name) else "NULL"
            tuples.append(f"({key}, {_text(name)}, {value}, {text}, {event}, {created}, {moment}, {event})")
    columns = ("value", "value_text", "event_ts", "created_ts", "event_us", "event_of")
    assigned = ", ".join(f"{column} = excluded.{column}" for column in columns)
    return (
        f"INSERT INTO {table} (entity_key, feature_name, {', '.join(columns)}) VALUES {', '.join(tuples)} "
        f"ON CONFLICT (entity_key, feature_name) DO UPDATE SET {assigned}"
        + (f" WHERE excluded.event_us >= {HELD}" if keep_newer else "")
    )


def _parameters(rows: Rows, places: npt.NDArray[np.int64], entities: int) -> Iterator[tuple[Any, ...]]:
    """What the statement takes for each `entities` of these rows; their number is a multiple of it."""
    step = max(1, _AT_A_TIME // entities) * entities
    for start in range(0, len(places), step):
        part = rows.take(places[start : start + step])
        moments = _feast_seconds(part.event), _created(part), part.event.tolist()
        columns = [iter(column) for column in (_blobs(part.keys), *moments, *_bound(rows, part))]
        yield from zip(*columns * entities)  # noqa: B905  # each tuple takes of the same columns in turn


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
