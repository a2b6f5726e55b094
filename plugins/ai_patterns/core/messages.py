"""Messages of a topic as rows of its stream: strictly, many at once, each bad one with its reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.message_reasons import LARGEST_VALUE, Reason, unparsed, unread
from ai_patterns.core.row_rules import Mask, broken_rules
from ai_patterns.errors import MissingDependencyError
from ai_patterns.spec.streams import ColumnType, StreamSpec

try:
    import msgspec
except ImportError:
    raise MissingDependencyError("msgspec", "kafka") from None

SKEW = dt.timedelta(minutes=5)
"""How far a known time may lie past the message's arrival: clocks differ."""

Instants = NDArray[np.int64]

PARTITION, OFFSET = "topic_partition", "topic_offset"
"""Columns that tell where a row stood in its topic."""

_REQUIRED = msgspec.NODEFAULT
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_SPAN = tuple((at.replace(tzinfo=dt.UTC) - _EPOCH) // _MICROSECOND for at in (dt.datetime.min, dt.datetime.max))
_PYTHON_TYPES: dict[ColumnType, Any] = {
    "string": str,
    "integer": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "double": float,
    "boolean": bool,
    "timestamp": Annotated[dt.datetime, msgspec.Meta(tz=True)],
}


class Message(Protocol):
    """What is read of a message; `timestamp_ms` is below 0 where it has none."""

    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp_ms(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Refused:
    """A bad message: its place in the batch, counted from 0, and why."""

    index: int
    reason: Reason


@dataclass(frozen=True)
class Decoded:
    """A batch, good and bad apart.

    Attributes:
        rows: the declared columns, `topic_partition` (int32) and `topic_offset` (int64), in order of arrival.
        refused: the bad ones, in order of arrival.
    """

    rows: pa.Table
    refused: tuple[Refused, ...]


def row_schema(stream: StreamSpec) -> pa.Schema:
    """The columns of decoded rows."""
    declared = [(name, ARROW_TYPES[column.type]) for name, column in stream.columns.items()]
    return pa.schema([*declared, (PARTITION, pa.int32()), (OFFSET, pa.int64())])


def decode(stream: StreamSpec, messages: Sequence[Message], *, now: dt.datetime, skew: dt.timedelta = SKEW) -> Decoded:
    """Read each message's value: one JSON object (RFC 8259, UTF-8) with exactly the declared fields.

    Times are RFC 3339 with an offset. A field of a nullable column may be left out. Rows must obey the rules of
    their columns, see `quality.row_expectations`.

    Args:
        stream: the declared columns.
        messages: a batch of its topic.
        now: the clock, simulated in a replay. A message arrived at its own timestamp, but never after `now`.
        skew: how far the known time may lie past that.

    >>> from types import SimpleNamespace
    >>> spec = StreamSpec(sql="a.sql", key=("id",), event_time="seen", known_time="seen",
    ...                   columns={"id": "string", "seen": "timestamp", "size": {"type": "double", "min": 0}})
    >>> values = (b'{"id": "a", "seen": "2013-01-01T01:00:00+01:00", "size": 2}', b'{"id": "b", "seen": ')
    >>> batch = [SimpleNamespace(key=b"k", value=value, partition=0, offset=offset, timestamp_ms=-1)
    ...          for offset, value in enumerate(values, 7)]
    >>> decoded = decode(spec, batch, now=dt.datetime(2013, 1, 2, tzinfo=dt.UTC))
    >>> decoded.rows.drop_columns("seen").to_pylist()
    [{'id': 'a', 'size': 2.0, 'topic_partition': 0, 'topic_offset': 7}]
    >>> str(decoded.refused[0].reason)
    'truncated: Input data was truncated'
    """
    parsed, places, reasons = _parse(stream, messages)
    read = [messages[index] for index in places]
    rows = _table(stream, parsed, read)
    good = np.ones(len(read), np.bool_)
    for mask, reason in _faults(stream, rows, read, now, skew):
        for place in np.flatnonzero(mask & good):
            reasons[places[place]] = reason
        good &= ~mask
    refused = tuple(Refused(index, reasons[index]) for index in sorted(reasons))
    return Decoded(rows if good.all() else rows.filter(pa.array(good)), refused)


def _parse(stream: StreamSpec, messages: Sequence[Message]) -> tuple[list[Any], list[int], dict[int, Reason]]:
    """Structs, the places of their messages, and why the others gave none."""
    parsed: list[Any] = []
    places: list[int] = []
    reasons: dict[int, Reason] = {}
    parse = _decoder(tuple((name, column.type, column.nullable) for name, column in stream.columns.items()))
    for index, message in enumerate(messages):
        value = message.value
        if message.key is None or not value or len(value) > LARGEST_VALUE:
            reasons[index] = unread(message.key, value)
            continue
        try:
            parsed.append(parse(value))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            reasons[index] = unparsed(value, error)
        else:
            places.append(index)
    return parsed, places, reasons


@lru_cache(maxsize=64)
def _decoder(columns: tuple[tuple[str, ColumnType, bool], ...]) -> Callable[[bytes], Any]:
    """A decoder into a struct whose fields are numbered, since a column may have the name of a Python keyword."""
    fields = [
        (
            f"c{number}",
            _PYTHON_TYPES[kind] | None,
            msgspec.field(name=name, default=None if nullable else msgspec.NODEFAULT),
        )
        for number, (name, kind, nullable) in enumerate(columns)
    ]
    # Without a place in the garbage collector's lists, a million rows cost no collection.
    row = msgspec.defstruct("Row", fields, kw_only=True, forbid_unknown_fields=True, gc=False)
    decode_one: Callable[[bytes], Any] = msgspec.json.Decoder(row).decode
    return decode_one


def _table(stream: StreamSpec, parsed: Sequence[Any], messages: Sequence[Message]) -> pa.Table:
    names = [f"c{number}" for number in range(len(stream.columns))]
    columns = [[getattr(row, name) for row in parsed] for name in names]
    places = [[each.partition for each in messages], [each.offset for each in messages]]
    schema = row_schema(stream)
    arrays = [pa.array(column, field.type) for column, field in zip([*columns, *places], schema, strict=True)]
    return pa.table(arrays, schema)


def _faults(
    stream: StreamSpec, rows: pa.Table, messages: Sequence[Message], now: dt.datetime, skew: dt.timedelta
) -> list[tuple[Mask, Reason]]:
    """What is wrong with well-formed rows; the first that holds is a row's reason."""
    times = {name: _microseconds(rows[name]) for name, item in stream.columns.items() if item.type == "timestamp"}
    faults = [
        ((at < _SPAN[0]) | (at > _SPAN[1]), Reason("type", name, "outside the years 1 to 9999 in UTC"))
        for name, at in times.items()
    ]
    faults += [(mask, Reason(rule.kind, rule.column, rule.reason)) for rule, mask in broken_rules(stream, rows)]
    late = times[stream.known_time] > _arrivals(messages, now) + skew // _MICROSECOND
    return [*faults, (late, Reason("future", stream.known_time, f"more than {skew} after the message arrived"))]


def _arrivals(messages: Sequence[Message], now: dt.datetime) -> Instants:
    """Microseconds since 1970, at the end of each timestamp's millisecond."""
    clock = (now - _EPOCH) // _MICROSECOND // 1000
    stamps = np.fromiter((each.timestamp_ms for each in messages), np.int64, len(messages))
    arrived: Instants = np.where(stamps < 0, clock, np.minimum(stamps, clock)) * 1000 + 999
    return arrived


def _microseconds(column: pa.ChunkedArray) -> Instants:
    return np.asarray(column.cast(pa.int64()).fill_null(0).to_numpy())
