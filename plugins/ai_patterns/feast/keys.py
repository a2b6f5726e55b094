"""Feast's serialized entity keys (version 3), made for whole columns.

Layout, integers little-endian with 32 bits: the number of keys; for each key in the order of their names the type
STRING, the name's length and the name; then for each value its type, its length and its bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast.value_type import ValueType

from ai_patterns.feast.values import whole_seconds
from ai_patterns.feast.wire import fixed, joined

_WIDTHS = {ValueType.INT32: "<i4", ValueType.INT64: "<i8", ValueType.UNIX_TIMESTAMP: "<i8"}


def key_prefix(names: list[str]) -> bytes:
    r"""What every key of these join keys begins with.

    >>> key_prefix(["id"])
    b'\x01\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00id'
    """
    encoded = [name.encode() for name in sorted(names)]
    parts = [struct.pack("<2I", ValueType.STRING.value, len(name)) + name for name in encoded]
    return struct.pack("<I", len(encoded)) + b"".join(parts)


def entity_keys(columns: Mapping[str, pa.Array], kinds: Mapping[str, ValueType], after: bytes = b"") -> pa.Array:
    """Serialize the entity key of each row.

    Args:
        columns: join key -> its values, without nulls.
        kinds: join key -> its declared type.
        after: bytes to end each key with; Redis has the project's name there.

    Raises:
        ValueError: a value is null, or a join key's type is one that Feast cannot look up.
    """
    names = sorted(columns)
    parts = [_value(name, columns[name], kinds[name]) for name in names]
    return joined(key_prefix(names), *parts, after)


def key_order(types: Mapping[str, str]) -> list[str]:
    """SQL terms by which rows stand in the order of their serialized keys, or near it where a type is another one.

    Args:
        types: join key -> DuckDB's type of its column.

    >>> key_order({"name": "VARCHAR"})[-1]
    'encode("name")'
    """
    return [term for name in sorted(types) for term in _order('"' + name.replace('"', '""') + '"', types[name])]


def _order(column: str, kind: str) -> list[str]:
    if kind.endswith("INT") or kind == "INTEGER":
        return _little_endian(column, 8)
    if kind in {"VARCHAR", "BLOB"}:
        data = f"encode({column})" if kind == "VARCHAR" else column
        return [*_little_endian(f"octet_length({data})", 4), data]
    return [column]


def _little_endian(number: str, width: int) -> list[str]:
    return [f"CAST((CAST({number} AS BIGINT) >> {8 * place}) & 255 AS UTINYINT)" for place in range(width)]


def _value(name: str, column: pa.Array, kind: ValueType) -> pa.Array:
    if column.null_count:
        raise ValueError(f"join key {name!r} is null in {column.null_count} rows; an entity without key has no place")
    if kind in _WIDTHS:
        whole = whole_seconds(column) if pa.types.is_timestamp(column.type) else column.cast(pa.int64())
        numbers = np.asarray(whole, dtype=_WIDTHS[kind])
        return fixed(numbers, struct.pack("<2I", kind.value, numbers.dtype.itemsize))
    if kind in {ValueType.STRING, ValueType.BYTES}:
        data = column.cast(pa.binary()) if kind is ValueType.BYTES else column.cast(pa.string()).cast(pa.binary())
        lengths = pc.binary_length(data).to_numpy(zero_copy_only=False).astype("<i4")
        return joined(fixed(lengths, struct.pack("<I", kind.value)), data)
    raise ValueError(f"join key {name!r} is of type {kind.name}; Feast looks up integers, strings and bytes only")
