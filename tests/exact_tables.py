"""Tables that must be equal to the bit, whichever engine made them and wherever they lie."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.spec.system import SystemSpec
from seeded_streams import STREAM, TYPES, first_of_each, random_rows

SEED, EVENTS = 1, 200


def hard_events() -> tuple[pa.Table, Days]:
    """Events of `seeded_streams` with their partitions, and the days from the first to the last."""
    rows = first_of_each(random_rows(SEED, EVENTS))
    columns = {name: pa.array([row[name] for row in rows], TYPES[each.type]) for name, each in STREAM.columns.items()}
    events = pa.table({**columns, "day": pa.array([row["known"].date() for row in rows], pa.date32())})
    return events, Days(min(events["day"].to_pylist()), max(events["day"].to_pylist()))


def bits(value: Any) -> Any:
    """A value whose equality is that of every bit."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    if isinstance(value, Mapping):
        return tuple((name, bits(part)) for name, part in value.items())
    return value


def content(lake: Lake, table: str) -> list[tuple[Any, ...]]:
    """Every row of a table, in an order of its own."""
    rows = [tuple(bits(row[name]) for name in sorted(row)) for row in lake.read(table).to_pylist()]
    return sorted(rows, key=repr)


def assert_equal_tables(system: SystemSpec, ours: Lake, theirs: Lake) -> None:
    """Tiles and value logs of all groups are equal, and not empty."""
    for name in system.groups:
        for table in (f"tiles/{name}", f"values/{name}"):
            assert content(ours, table) == content(theirs, table), table
            assert ours.read(table).num_rows > 0
