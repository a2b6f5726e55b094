"""Streams that are hard on whoever makes tiles of them, drawn from a seed, and the tiles that DuckDB makes of them.

Ties, duplicates, late events and ones known ahead, nulls, huge values and halves, instants around 1970, of
daylight-saving nights and far off, in every form of ISO 8601 that a topic may hold.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ai_patterns.core.tiles import tiles_sql
from ai_patterns.engines import duckdb
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

Row = dict[str, Any]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ANCHORS = [
    EPOCH,
    dt.datetime(1905, 3, 1, 23, 59, tzinfo=dt.UTC),
    dt.datetime(1969, 12, 31, 22, tzinfo=dt.UTC),
    dt.datetime(2013, 11, 3, 6, tzinfo=dt.UTC),  # New York's clocks go back
    dt.datetime(2024, 2, 29, 23, tzinfo=dt.UTC),
    dt.datetime(2024, 3, 31, 1, tzinfo=dt.UTC),  # Berlin's go forward
    dt.datetime(2261, 12, 31, 23, 50, tzinfo=dt.UTC),
]
ZONES = [dt.UTC, dt.timezone(-dt.timedelta(hours=5)), dt.timezone(dt.timedelta(hours=5, minutes=30))]
TYPES = {
    "string": pa.string(), "integer": pa.int64(), "double": pa.float64(), "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}  # fmt: skip

STREAM = StreamSpec.model_validate(
    {
        "sql": "events.sql",
        "topic": "made_up.events",
        "key": ["id", "number"],
        "event_time": "happened",
        "known_time": "known",
        "columns": {
            "id": "string", "number": "integer", "happened": "timestamp", "known": "timestamp", "name": "string?",
            "place": "integer?", "kind": {"type": "string", "values": ["x", "y"]},
            "value": {"type": "double", "nullable": True, "min": -1e13, "max": 1e13},
            "whole": "integer?", "flag": "boolean?", "note": "string?", "due": "timestamp?",
        },
    }
)  # fmt: skip

EVERYTHING = {
    "seen": "count over 1h, 3h",
    "total": "sum(value) scale 100 over 3h",
    "wholes": "sum(whole) scale 10 over 3h",
    "average": "mean(value) scale 1000 over 1h",
    "share": "rate(flag) over 3h",
    "least": "min(value) over 3h",
    "most": "max(whole) over 3h",
    "highest": "max(value) over 3h",
    "value": "last(value) over 3h",
    "note": "last(note) over 3h",
    "due": "last(due) over 1h",
    "flag": "last(flag) over 1h",
    "whole": "last(whole) over 1h",
}
GROUPS = {
    "everywhere": {"stream": "events", "hop": "1h", "aggregations": EVERYTHING},
    "by_name": {"stream": "events", "hop": "5m", "key": ["name"], "aggregations": EVERYTHING},
    "by_three": {"stream": "events", "hop": "15m", "key": ["place", "name", "kind"], "aggregations": EVERYTHING},
}


def made_up_system(name: str, topic: str) -> SystemSpec:
    """A system whose groups hold every function, with keys of none, one and three columns."""
    return SystemSpec.model_validate(
        {
            "name": name,
            "description": "Events out of nothing.",
            "start": "2024-01-01",
            "sources": {"events": {"path": "events.csv"}},
            "streams": {"events": {**STREAM.model_dump(), "topic": topic}},
            "groups": GROUPS,
            "decision": {
                "stream": "events",
                "inputs": ["id", "number", "happened", "name", "place", "kind"],
                "label": {"stream": "events", "column": "flag", "maturity": "1d"},
            },
            "model": {"estimator": "sklearn.linear_model.LogisticRegression", "features": {"plain": ["kind"]}},
            "gates": {"compare": "auc"},
            "feedback": {"metric": "auc", "max_loss": 0.1, "max_age": "7d", "cooldown": "1d", "budget": 1},
        }
    )


def random_rows(seed: int, count: int) -> list[Row]:
    """Rows in the order in which they are sent: one in eight comes again, half of those changed."""
    draw = random.Random(seed)
    rows = [_row(draw, seed, number) for number in range(count)]
    for row in draw.sample(rows, count // 8):
        again = draw.choice([row, {**_row(draw, seed, 0), "id": row["id"], "number": row["number"]}])
        rows.insert(draw.randrange(len(rows) + 1), again)
    return rows


def _row(draw: random.Random, seed: int, number: int) -> Row:
    happened = draw.choice(ANCHORS) + draw.choice(
        [
            dt.timedelta(minutes=draw.randrange(-3, 4) * 5),
            dt.timedelta(microseconds=draw.choice([-1, 0, 1, 999_999, -60_000_001])),
            dt.timedelta(seconds=draw.uniform(-7200, 7200)),
        ]
    )
    late = draw.choice([0, 0, 0, 1, 299, 300, 301, 7200, 172_800, -3600, -86_400])
    return {
        "id": draw.choice(["a", "ab", "b", "é", "😀", ""]) + f"{seed}-{number}",
        "number": draw.choice([0, -1, 1, 2**62, -(2**62)]),
        "happened": happened,
        "known": happened + dt.timedelta(seconds=late),
        "name": draw.choice(["a", "b", "it's, \"ü\"", "", None]),
        "place": draw.choice([0, -7, 2**53 + 1, None]),
        "kind": draw.choice(["x", "y"]),
        "value": draw.choice([None, 0.0, -0.0, 0.125, -0.125, 0.005, 1.005, -2.675, 1e-300, 1e12, -1e12 - 0.5,
            0.49999999999999994, draw.uniform(-1e4, 1e4), draw.randrange(-10_000, 10_000) / 100]),
        "whole": draw.choice([None, 0, -3, 2**53 + 1, draw.randrange(-1000, 1000)]),
        "flag": draw.choice([None, True, False]),
        "note": draw.choice([None, "", "v,", "zwölf", "\x00\x01", "NULL"]),
        "due": draw.choice([None, happened, EPOCH - dt.timedelta(microseconds=1)]),
    }  # fmt: skip


def to_json(row: Row, seed: int = 0) -> bytes:
    """The row as a record's value; each instant in one of the usual forms."""
    draw = random.Random(f"{seed} {row['id']}")
    return json.dumps({name: _text(value, draw) if isinstance(value, dt.datetime) else value
        for name, value in row.items()}).encode()  # fmt: skip


def bad_messages(row: Row) -> list[bytes]:
    """Messages that must count nowhere, each made of a good row that comes later."""
    changes: list[Row] = [
        {"happened": "2024-02-30T00:00:00Z"}, {"happened": "2024-02-20T00:00:00"}, {"known": "yesterday"},
        {"known": None}, {"kind": "z"}, {"value": 2e13}, {"number": "seven"}, {"happened": "2024-02-20T24:00:00Z"},
        {"due": "2024-02-20"}, {"id": None},
    ]  # fmt: skip
    good = json.loads(to_json(row))
    return [b"{", b"", b"[]", b"\xff", b"null", *(json.dumps({**good, **change}).encode() for change in changes)]


def _text(instant: dt.datetime, draw: random.Random) -> str:
    text = instant.astimezone(draw.choice(ZONES)).isoformat()
    return text.replace("+00:00", draw.choice(["+00:00", "Z"]))


def first_of_each(rows: Sequence[Row]) -> list[Row]:
    """Rows without those whose key came before."""
    return list({(row["id"], row["number"]): row for row in reversed(rows)}.values())


def duckdb_tiles(group: GroupSpec, rows: Sequence[Row], stream: StreamSpec = STREAM) -> dict[tuple[Any, ...], Row]:
    """The tiles by (key, tile_end, known_tile), instants in microseconds."""
    columns = {name: pa.array([row[name] for row in rows], TYPES[column.type])
        for name, column in stream.columns.items()}  # fmt: skip
    events = pa.table({**columns, "day": pa.array([row["known"].date() for row in rows], pa.date32())})
    found = duckdb.run(tiles_sql(group, stream), {"events": events}).to_pylist()
    return by_key(group, [_in_microseconds({name: row[name] for name in row if name != "day"}) for row in found])


def by_key(group: GroupSpec, tiles: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
    """Tiles by (key, tile_end, known_tile)."""
    return {tuple(tile[name] for name in (*group.key, "tile_end", "known_tile")): tile for tile in tiles}


def _in_microseconds(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _in_microseconds(part) for name, part in value.items()}
    return (value - EPOCH) // dt.timedelta(microseconds=1) if isinstance(value, dt.datetime) else value
