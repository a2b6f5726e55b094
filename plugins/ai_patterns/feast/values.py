"""Feast's `Value` messages, serialized for whole columns: the bytes that Feast itself would write."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import NULL_TIMESTAMP_INT_VALUE, python_values_to_proto_values
from feast.value_type import ValueType

from ai_patterns.core.sessions import connect
from ai_patterns.feast.wire import BYTES, FIXED32, FIXED64, VARINT, fixed, gathered, joined, sized, tag, varints

_NUMBERS = {field.name: field.number for field in Value.DESCRIPTOR.fields}
_BYTES = {ValueType.BYTES, ValueType.PDF_BYTES, ValueType.IMAGE_BYTES}
_TEXTS = {ValueType.STRING, ValueType.UUID, ValueType.TIME_UUID, ValueType.DECIMAL}
_INTEGERS = {ValueType.INT32: pa.int32(), ValueType.INT64: pa.int64()}
_FLOATS = {ValueType.DOUBLE: (pa.float64(), FIXED64), ValueType.FLOAT: (pa.float32(), FIXED32)}
_LISTS = {
    ValueType.DOUBLE_LIST: pa.float64(),
    ValueType.FLOAT_LIST: pa.float32(),
    ValueType.INT64_LIST: pa.int64(),
    ValueType.INT32_LIST: pa.int32(),
    ValueType.STRING_LIST: pa.string(),
    ValueType.BYTES_LIST: pa.binary(),
    ValueType.BOOL_LIST: pa.bool_(),
}


def value_bytes(column: pa.Array, kind: ValueType) -> pa.Array:
    """Serialize a column as Feast's `Value`s of a type.

    Args:
        column: the values as they stand in the source.
        kind: the type that the feature view declares.

    Returns:
        An array of type binary without nulls: a null value is the empty message.

    Raises:
        TypeError: Feast cannot convert the column to this type.
        ValueError: a value does not fit, such as text that is no JSON.
    """
    encoded = _scalars(column, kind)
    if encoded is None:
        encoded = _lists(column, kind)
    return _by_feast(column, kind) if encoded is None else pc.fill_null(encoded, b"")


def timestamp_bytes(moments: npt.NDArray[np.int64]) -> pa.Array:
    """Serialize instants, microseconds since 1970, as `google.protobuf.Timestamp`s."""
    seconds, rest = np.divmod(moments, 1_000_000)
    return joined(_unless_zero(tag(1, VARINT), seconds), _unless_zero(tag(2, VARINT), rest * 1000))


def value_texts(column: pa.Array, kind: ValueType) -> pa.Array:
    """What Feast's SQL stores keep beside a value to search in: Python's `str` of a number, a truth value or a text.

    Returns:
        An array of type string; null where the value is null or of another type.
    """
    if kind is ValueType.STRING:
        return column.cast(pa.string())
    if kind in _INTEGERS:
        return column.cast(_INTEGERS[kind]).cast(pa.string())
    if kind is ValueType.BOOL:
        return pc.if_else(column.cast(pa.bool_()), "True", "False")
    return _float_texts(column, kind) if kind in _FLOATS else pa.nulls(len(column), pa.string())


def field_name(kind: ValueType) -> str:
    """Name of the field of `Value` that holds this type."""
    return "bytes_val" if kind in _BYTES else f"{kind.name.lower()}_val"


def _tag(kind: ValueType, wire_type: int) -> bytes:
    return tag(_NUMBERS[field_name(kind)], wire_type)


def _scalars(column: pa.Array, kind: ValueType) -> pa.Array | None:
    """Numbers, truth values, instants, texts and bytes that stand in a column of their own kind."""
    source = column.type
    if kind in _FLOATS and (pa.types.is_floating(source) or pa.types.is_integer(source)):
        return _floats(column, kind)
    if kind is ValueType.UNIX_TIMESTAMP and (pa.types.is_timestamp(source) or pa.types.is_date(source)):
        return joined(_tag(kind, VARINT), varints(whole_seconds(column)))
    if (kind in _TEXTS and _is_text(source)) or (kind in _BYTES and _is_binary(source)):
        return sized(_tag(kind, BYTES), column.cast(pa.binary()))
    whole = kind in _INTEGERS and pa.types.is_integer(source)
    if whole or (kind is ValueType.BOOL and pa.types.is_boolean(source)):
        numbers = _integers(column.cast(_INTEGERS.get(kind, pa.uint8())))
        return _masked(column, joined(_tag(kind, VARINT), varints(numbers)))
    return None


def _is_text(source: pa.DataType) -> bool:
    return bool(pa.types.is_string(source) or pa.types.is_large_string(source))


def _is_binary(source: pa.DataType) -> bool:
    return bool(pa.types.is_binary(source) or pa.types.is_large_binary(source))


def _floats(column: pa.Array, kind: ValueType) -> pa.Array:
    target, wire_type = _FLOATS[kind]
    numbers = column.cast(target, safe=False)
    known = pc.and_(column.is_valid(), pc.invert(pc.is_nan(numbers).fill_null(True)))
    encoded = fixed(numbers.fill_null(0).to_numpy(zero_copy_only=False), _tag(kind, wire_type))
    return pc.if_else(known, encoded, pa.scalar(None, pa.binary()))


def _float_texts(column: pa.Array, kind: ValueType) -> pa.Array:
    """DuckDB prints a double as Python does; Arrow leaves `.0` out and has exponents at other sizes."""
    numbers = column.cast(_FLOATS[kind][0], safe=False).cast(pa.float64())
    known = pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    with connect() as connection:
        connection.register("numbers", pa.table({"number": known}))
        found = connection.sql("SELECT CAST(number AS VARCHAR) FROM numbers").to_arrow_table().column(0)
    return found.combine_chunks().cast(pa.string())


def _unless_zero(before: bytes, numbers: npt.NDArray[np.int64]) -> pa.Array:
    return pc.if_else(pa.array(numbers != 0), joined(before, varints(numbers)), pa.scalar(b"", pa.binary()))


def _integers(column: pa.Array) -> np.ndarray[Any, np.dtype[Any]]:
    numbers: np.ndarray[Any, np.dtype[Any]] = column.fill_null(0).to_numpy(zero_copy_only=False)
    return numbers


def whole_seconds(column: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Whole seconds since 1970; what is null has the number that Feast gives to it."""
    moments = column.to_numpy(zero_copy_only=False).astype("datetime64[s]").astype(np.int64)
    return np.where(column.is_valid().to_numpy(zero_copy_only=False), moments, NULL_TIMESTAMP_INT_VALUE)


def _masked(column: pa.Array, encoded: pa.Array) -> pa.Array:
    return encoded if column.null_count == 0 else pc.if_else(column.is_valid(), encoded, pa.scalar(None, pa.binary()))


def _lists(column: pa.Array, kind: ValueType) -> pa.Array | None:
    wanted = _LISTS.get(kind)
    if wanted is None or not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return None
    items = column.flatten()
    if items.null_count or items.type != wanted:
        return None
    lists = column.cast(pa.list_(wanted))
    if pa.types.is_string(wanted) or pa.types.is_binary(wanted):
        message = gathered(lists, sized(tag(1, BYTES), items.cast(pa.binary())))
    else:
        packed = gathered(lists, _packed(items))
        filled = pc.greater(pc.binary_length(packed), 0)
        message = pc.if_else(filled, sized(tag(1, BYTES), packed), packed)
    return sized(_tag(kind, BYTES), message)


def _packed(items: pa.Array) -> pa.Array:
    if pa.types.is_floating(items.type):
        return items
    if pa.types.is_boolean(items.type):
        return items.cast(pa.uint8())
    return varints(_integers(items))


def _by_feast(column: pa.Array, kind: ValueType) -> pa.Array:
    """One value at a time, by Feast's own function; with maps as the dictionaries that it takes."""
    if kind.name.endswith("_SET"):
        values: Any = column.to_numpy(zero_copy_only=False)
    else:
        values = column.to_pylist(maps_as_pydicts="strict")
    protos = python_values_to_proto_values(values, kind)
    return pa.array([proto.SerializeToString() for proto in protos], pa.binary())
