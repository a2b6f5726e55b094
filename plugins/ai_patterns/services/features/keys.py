"""Feast's entity keys (serialization version 3) for the rows of a request."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.value_type import ValueType

from ai_patterns.services.edge.errors import RequestError

_INTEGERS = {ValueType.INT32: (31, "<IIi", 4, "int32_val"), ValueType.INT64: (63, "<IIq", 8, "int64_val")}


def can_encode(kinds: Mapping[str, ValueType]) -> bool:
    """Whether keys of these types are written here; Feast itself writes the others."""
    return all(kind is ValueType.STRING or kind in _INTEGERS for kind in kinds.values())


class EntityKeys:
    """Writes the entity keys of one view.

    Args:
        kinds: join key -> its type.
        columns: join key -> the request's column that brings it.
    """

    def __init__(self, kinds: Mapping[str, ValueType], columns: Mapping[str, str]) -> None:
        self.names = sorted(kinds)
        self.columns = [columns[name] for name in self.names]
        self._kinds = [kinds[name] for name in self.names]
        self._encoders = [_encoder(kinds[name]) for name in self.names]
        encoded = [name.encode() for name in self.names]
        parts = [struct.pack("<2I", ValueType.STRING.value, len(name)) + name for name in encoded]
        self._prefix = struct.pack("<I", len(encoded)) + b"".join(parts)

    def encode(self, columns: Sequence[Sequence[Any]]) -> list[bytes | None]:
        """Each row's key; None where a value is null.

        Args:
            columns: the values of `columns`, in that order.

        Raises:
            RequestError: a value is not of its column's type.
        """
        encoded = [
            _encode_column(name, encode, values)
            for name, encode, values in zip(self.columns, self._encoders, columns, strict=True)
        ]
        return [None if None in row else self._prefix + b"".join(row) for row in zip(*encoded, strict=True)]

    def any_entity(self) -> list[Any]:
        """Values of the right types."""
        return ["" if kind is ValueType.STRING else 0 for kind in self._kinds]

    def proto(self, values: Sequence[Any]) -> EntityKey:
        """One row's key as Feast's message."""
        fields = [_INTEGERS[kind][3] if kind in _INTEGERS else "string_val" for kind in self._kinds]
        return EntityKey(
            join_keys=self.names,
            entity_values=[Value(**{field: value}) for field, value in zip(fields, values, strict=True)],
        )


def _encode_column(name: str, encode: Callable[[Any], bytes], values: Sequence[Any]) -> list[Any]:
    try:
        return [None if value is None else encode(value) for value in values]
    except (TypeError, ValueError) as error:
        raise RequestError(f"entities.{name}: {error}") from None


def _encoder(kind: ValueType) -> Callable[[Any], bytes]:
    return _text if kind is ValueType.STRING else _integer(kind)


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no string")
    encoded = value.encode()
    return struct.pack("<2I", ValueType.STRING.value, len(encoded)) + encoded


def _integer(kind: ValueType) -> Callable[[Any], bytes]:
    bits, layout, size, _ = _INTEGERS[kind]
    pack, number = struct.Struct(layout).pack, kind.value

    def encode(value: Any) -> bytes:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{value!r} is no integer")
        if not -(1 << bits) <= value < 1 << bits:
            raise ValueError(f"{value} does not fit into {bits + 1} bits")
        return pack(number, size, value)

    return encode
