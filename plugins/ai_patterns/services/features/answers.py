"""An answer, column by column, before a protocol gives it its form."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

PRESENT, NULL_VALUE, NOT_FOUND, OUTSIDE_MAX_AGE = "PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"
"""Feast's statuses (`FieldStatus`)."""

NO_TIME = "1970-01-01T00:00:00Z"
"""What Feast writes where there is no event time."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Column(msgspec.Struct):
    """One feature, or one entity column, of all rows.

    Attributes:
        values: as JSON has them.
        statuses: Feast's statuses.
        event_timestamps: RFC 3339, UTC.
    """

    values: Sequence[Any]
    statuses: list[str]
    event_timestamps: list[str]


@dataclass
class Answer:
    """Columns in the protocol's order.

    Attributes:
        names: one a column.
        columns: the columns.
        views: name and version of each feature view, where they were asked for.
    """

    names: list[str] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)


class Row(NamedTuple):
    """What a store holds of one entity.

    Attributes:
        moment: event time, microseconds since 1970, UTC.
        time: the same in RFC 3339.
        values: the asked features' values as JSON has them; None where the store found them too old.
    """

    moment: int
    time: str
    values: Sequence[Any] | None


def time_text(moment: int) -> str:
    """RFC 3339 as Feast writes it: no fraction, or three or six digits of one.

    >>> time_text(1_500_000), time_text(1_000_001), time_text(2_000_000)
    ('1970-01-01T00:00:01.500Z', '1970-01-01T00:00:01.000001Z', '1970-01-01T00:00:02Z')
    """
    text = (_EPOCH + dt.timedelta(microseconds=moment)).isoformat()[:-6]
    if moment % 1_000_000 and not moment % 1000:
        text = text[:-3]
    return f"{text}Z"


def view_columns(rows: Sequence[Row | None], features: int, oldest: int | None) -> list[Column]:
    """The columns of a view's features.

    Args:
        rows: what the store holds of each requested row's entity; None where it knows nothing.
        features: how many were asked.
        oldest: event times before this one (microseconds) are too old.
    """
    held = [_held(row, oldest) for row in rows]
    times = [NO_TIME if row is None else row.time for row in rows]
    nothing = (None,) * features
    present = [PRESENT] * len(rows)
    columns = []
    for values in zip(*(nothing if each is None else each for each in held), strict=True):
        statuses = present if None not in values else _statuses(values, rows, held)
        columns.append(Column(values, statuses, times))
    return columns


def given_column(values: list[Any]) -> Column:
    """A column that the request itself brought."""
    return Column(values, [PRESENT] * len(values), [NO_TIME] * len(values))


def _held(row: Row | None, oldest: int | None) -> Sequence[Any] | None:
    return None if row is None or (oldest is not None and row.moment < oldest) else row.values


def _statuses(values: Sequence[Any], rows: Sequence[Row | None], held: Sequence[Sequence[Any] | None]) -> list[str]:
    return [
        PRESENT if value is not None else NOT_FOUND if row is None else OUTSIDE_MAX_AGE if each is None else NULL_VALUE
        for value, row, each in zip(values, rows, held, strict=True)
    ]
