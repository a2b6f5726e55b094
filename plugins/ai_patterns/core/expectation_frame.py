"""The relation that expectations read, rows as pandas would hold them, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ai_patterns.core.expectation_arguments import Kind, quoted
from ai_patterns.core.expectations import Outcome

FRAME = "frame"
"""The relation that aggregates read: rows as pandas would hold them."""
ROW = '"row number"'
"""Its column that counts the rows from 0; no column of a spec has a space in its name."""

_SMALL = (pa.types.is_integer, pa.types.is_date32, pa.types.is_decimal128, pa.types.is_timestamp)


@dataclass(frozen=True)
class Query:
    """An expectation as SQL.

    Attributes:
        select: aggregates over `FRAME`.
        read: makes the outcome of the number of rows and the aggregates' values.
    """

    select: tuple[str, ...]
    read: Callable[[int, Sequence[Any]], Outcome]


def kinds_of(rows: pa.Table) -> dict[str, Kind]:
    """What each column is to pandas; a column that no expectation can be exact about is left out.

    >>> kinds_of(pa.table({"a": [1, 2], "b": [1, None], "c": ["x", None]}))
    {'a': 'whole', 'b': 'floating', 'c': 'text'}
    """
    found = {field.name: _kind(field.type, rows[field.name].null_count) for field in rows.schema}
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind(type_: pa.DataType, nulls: int) -> Kind | None:
    if pa.types.is_signed_integer(type_):
        return "floating" if nulls else "whole"
    if pa.types.is_float64(type_):
        return "floating"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return "text"
    if pa.types.is_boolean(type_):
        return "truth"
    if type_ == pa.timestamp("us", tz="UTC"):
        return "instant"
    return "other" if any(is_type(type_) for is_type in _SMALL) else None


def frame_sql(kinds: Mapping[str, Kind], source: str) -> str:
    """The query behind `FRAME`, over a relation that has `ROW`."""
    columns = [f"{_as_pandas(quoted(name), kind)} AS {quoted(name)}" for name, kind in kinds.items()]
    return f"SELECT {', '.join([ROW, *columns])} FROM {source}"


def _as_pandas(column: str, kind: Kind) -> str:
    return f"nullif(CAST({column} AS DOUBLE), CAST('NaN' AS DOUBLE))" if kind == "floating" else column
