"""What Redis replied to an online read, decoded a column at a time: values, Feast's statuses, event times."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import feast_value_type_to_python_type
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # no stubs in the lock

Column: TypeAlias = tuple[bytes | None, ...]
"""A feature's serialized values, one an entity row; None for an entity that is absent, no bytes for a null."""

_MANY = 8
"""Entity rows from which on it pays to look at a column as a whole."""

_SMALL = 3
"""Bytes of an integer up to which each is decoded once: there are some 33 thousand of them."""

_DOUBLE_TAG, _INTEGERS = 0x29, frozenset((0x18, 0x20))
_DOUBLE, _FLOAT = struct.Struct("<xd"), struct.Struct("<xf")
_DOUBLES = np.dtype([("tag", "u1"), ("value", "<f8")])
_PRESENT, _NULL, _NOT_FOUND, _TOO_OLD = (
    FieldStatus.PRESENT,
    FieldStatus.NULL_VALUE,
    FieldStatus.NOT_FOUND,
    FieldStatus.OUTSIDE_MAX_AGE,
)


@dataclass(frozen=True)
class AskedView:
    """The part of a question that is one view's."""

    name: str
    time_field: bytes
    features: tuple[str, ...]
    ttl: timedelta | None


@dataclass
class ReadView:
    """The replies for one view.

    Attributes:
        view: what was asked for.
        replies: its event times, then a column a feature, as they lie in the store.
        now: the instant that a time to live is held against, UTC.
    """

    view: AskedView
    replies: list[Column]
    now: datetime

    def columns(self) -> Iterator[tuple[str, Column]]:
        """Each feature with its serialized values."""
        return zip(self.view.features, self.replies[1:], strict=True)

    @cached_property
    def times(self) -> list[datetime | None]:
        """Event times, UTC."""
        return [None if data is None else _time(data) for data in self.replies[0]]

    @cached_property
    def alive(self) -> list[bool]:
        """Which entities are there and within their time to live."""
        oldest = self.now - self.view.ttl if self.view.ttl else None
        return [time is not None and (oldest is None or time >= oldest) for time in self.times]

    def values(self) -> dict[str, list[Any]]:
        """Python's values of each feature; `None` where it is null, missing or too old."""
        found = dict(zip(self.view.features, _decoded(self.replies[1:]), strict=True))
        if self.view.ttl is None:
            return found
        return {
            name: [value if alive else None for value, alive in zip(values, self.alive, strict=True)]
            for name, values in found.items()
        }

    def statuses(self, column: Column) -> list[int]:
        """Feast's `FieldStatus` numbers of a feature."""
        rows = zip(column, self.times, self.alive, strict=True)
        return [
            _NOT_FOUND if time is None or data is None else _status(data) if alive else _TOO_OLD
            for data, time, alive in rows
        ]


def _status(data: bytes) -> int:
    return _PRESENT if data else _NULL


@dataclass
class OnlineRows:
    """What was read, a list a feature with a value for each entity row.

    Attributes:
        values: Python's values; `None` for what is null, missing or too old.
        read: the replies, view by view.
    """

    values: dict[str, list[Any]]
    read: list[ReadView]

    @cached_property
    def statuses(self) -> dict[str, list[int]]:
        """Feature -> Feast's `FieldStatus` numbers."""
        return {name: item.statuses(column) for item in self.read for name, column in item.columns()}

    @cached_property
    def times(self) -> dict[str, list[datetime | None]]:
        """View -> event times, UTC; `None` for an entity that is not there."""
        return {item.view.name: item.times for item in self.read}


def _time(data: bytes) -> datetime:
    moment: datetime = Timestamp.FromString(data).ToDatetime(UTC)
    return moment


def _decoded(columns: Sequence[Column]) -> list[list[Any]]:
    """Columns of serialized `Value`s as Python's; those of doubles alone, as most are, all at once."""
    many = len(columns[0]) >= _MANY if columns else False
    begun = {n: column for n, column in enumerate(columns) if many and column[0] and column[0][0] == _DOUBLE_TAG}
    doubles = _doubles(list(begun.values()))
    if not doubles:  # one may hold a null: each for itself
        doubles = [(_doubles([column]) or [[]])[0] for column in begun.values()]
    found = dict(zip(begun, doubles, strict=True))
    return [found.get(n) or list(map(_VALUES.__getitem__, column)) for n, column in enumerate(columns)]


def _doubles(columns: Sequence[Column]) -> list[list[float]]:
    """Columns of one length as doubles; no list where a value is none."""
    if not columns or any(None in column for column in columns):
        return []
    data = b"".join([b"".join(column) for column in columns])  # type: ignore[arg-type]  # none is None
    count = len(columns) * len(columns[0])
    # What begins as a double is nine bytes long, so that the next one begins where its sign is looked for.
    if len(data) != _DOUBLES.itemsize * count or data[:: _DOUBLES.itemsize] != bytes([_DOUBLE_TAG]) * count:
        return []
    doubles: list[list[float]] = np.frombuffer(data, _DOUBLES)["value"].reshape(len(columns), -1).tolist()
    return doubles


def _value(data: bytes) -> Any:
    """A serialized `Value` as Python's: the numbers, truth values and short texts by hand, all else by Feast."""
    kind = data[0]
    if kind == _DOUBLE_TAG:
        return _DOUBLE.unpack(data)[0]
    if kind == 0x35:
        return _FLOAT.unpack(data)[0]
    if kind in _INTEGERS and len(data) < 11:
        return _unsigned(data)
    if kind == 0x38:
        return data[1] == 1
    if kind == 0x12 and data[1] < 128:
        return data[2:].decode()
    return feast_value_type_to_python_type(Value.FromString(data))


def _unsigned(data: bytes) -> int:
    number = 0
    for byte in reversed(data[1:]):
        number = number << 7 | byte & 127
    return number


class _Values(dict[bytes | None, Any]):
    """Values by their bytes."""

    def __missing__(self, data: bytes) -> Any:
        value = _value(data)
        if len(data) <= _SMALL and data[0] in _INTEGERS:
            self[data] = value
        return value


_VALUES = _Values({None: None, b"": None})
