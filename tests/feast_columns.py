"""Random columns of every Feast value type that Feast's own writer takes from Arrow, and of those it does not."""

from __future__ import annotations

import datetime as dt
import json
import random
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
from feast.value_type import ValueType as V

_STRUCT = pa.struct([("a", pa.int64()), ("b", pa.string())])
_INSTANT = pa.timestamp("us", "UTC")

TYPES: dict[V, pa.DataType] = {
    V.BYTES: pa.binary(),
    V.PDF_BYTES: pa.binary(),
    V.IMAGE_BYTES: pa.binary(),
    V.STRING: pa.string(),
    V.INT32: pa.int32(),
    V.INT64: pa.int64(),
    V.DOUBLE: pa.float64(),
    V.FLOAT: pa.float32(),
    V.BOOL: pa.bool_(),
    V.UNIX_TIMESTAMP: _INSTANT,
    V.UUID: pa.string(),
    V.TIME_UUID: pa.string(),
    V.DECIMAL: pa.string(),
    V.JSON: pa.string(),
    V.STRUCT: _STRUCT,
    V.VALUE_LIST: pa.list_(pa.list_(pa.int64())),
    V.STRUCT_LIST: pa.list_(_STRUCT),
    V.JSON_LIST: pa.list_(pa.string()),
    **{
        V[f"{kind.name}_{many}"]: pa.list_(of)
        for many in ("LIST", "SET")
        for kind, of in {
            V.BYTES: pa.binary(),
            V.STRING: pa.string(),
            V.INT32: pa.int32(),
            V.INT64: pa.int64(),
            V.DOUBLE: pa.float64(),
            V.FLOAT: pa.float32(),
            V.BOOL: pa.bool_(),
            V.UNIX_TIMESTAMP: pa.timestamp("us"),
            V.UUID: pa.string(),
            V.TIME_UUID: pa.string(),
            V.DECIMAL: pa.string(),
        }.items()
    },
}
"""What Feast's writer takes."""

ONLY_OURS: dict[V, pa.DataType] = {
    V.MAP: pa.map_(pa.string(), pa.int64()),
    V.MAP_LIST: pa.list_(pa.map_(pa.string(), pa.int64())),
    V.SCALAR_MAP: pa.map_(pa.int64(), pa.string()),
    V.ZONED_TIMESTAMP: _INSTANT,
}
"""Feast's writer raises TypeError for these as Arrow and Parquet hold them."""


def column(kind: V, rows: int, seed: int, nulls: float = 0.1) -> pa.Array:
    """Random values of a type; a tenth is null."""
    rng = random.Random(f"{kind.name}{seed}")
    arrow = {**TYPES, **ONLY_OURS}[kind]
    make = _maker(kind, rng)
    return pa.array([None if rng.random() < nulls else make() for _ in range(rows)], arrow)


def _maker(kind: V, rng: random.Random) -> Callable[[], Any]:
    name = kind.name
    if name in _BY_NAME:
        return lambda: _BY_NAME[name](rng)
    base = name.rsplit("_", 1)[0].replace("DOUBLE", "FLOAT" if name.endswith("SET") else "DOUBLE")  # NaN has no order
    return lambda: [_BY_NAME[base](rng) for _ in range(rng.randrange(5))]


def _text(rng: random.Random) -> str:
    return "".join(rng.choice("aé漢😀 \"'\n\x00") for _ in range(rng.choice([0, 1, 9, 200])))


def _integer(rng: random.Random) -> int:
    # Feast makes doubles of integers on their way when some are null: beyond 2^53 it does not keep them.
    return rng.choice([0, 1, -1, 127, 128, rng.randrange(-(2**53), 2**53)])


def _double(rng: random.Random) -> float:
    return rng.choice([0.0, -0.0, float("nan"), float("inf"), 5e-324, rng.gauss(0, 1), rng.gauss(0, 1) * 10**15, 1e-7])


def _instant(rng: random.Random) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=rng.randrange(-(10**15), 2 * 10**15))


_BY_NAME: dict[str, Callable[[random.Random], Any]] = {
    "BYTES": lambda rng: rng.randbytes(rng.choice([0, 3, 130])),
    "PDF_BYTES": lambda rng: rng.randbytes(5),
    "IMAGE_BYTES": lambda rng: rng.randbytes(5),
    "STRING": _text,
    "INT32": lambda rng: rng.randrange(-(2**31), 2**31),
    "INT64": _integer,
    "DOUBLE": _double,
    "FLOAT": lambda rng: rng.gauss(0, 1),
    "BOOL": lambda rng: rng.random() < 0.5,
    "UNIX_TIMESTAMP": _instant,
    "UUID": lambda rng: str(uuid.UUID(int=rng.getrandbits(128))),
    "TIME_UUID": lambda rng: str(uuid.UUID(int=rng.getrandbits(128))),
    "DECIMAL": lambda rng: str(Decimal(rng.randrange(10**6)) / 100),
    "JSON": lambda rng: json.dumps({"a": rng.random()}),
    "STRUCT": lambda rng: {"a": _integer(rng), "b": _text(rng)},
    "VALUE_LIST": lambda rng: [[_integer(rng) for _ in range(rng.randrange(3))] for _ in range(rng.randrange(3))],
    "MAP": lambda rng: [(str(key), _integer(rng)) for key in range(rng.randrange(4))],
    "MAP_LIST": lambda rng: [[(str(key), _integer(rng)) for key in range(2)] for _ in range(rng.randrange(3))],
    "SCALAR_MAP": lambda rng: [(key, _text(rng)) for key in range(rng.randrange(4))],
    "ZONED_TIMESTAMP": _instant,
}
