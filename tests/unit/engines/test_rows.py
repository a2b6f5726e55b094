"""Casts that are taken for granted do hold: what is said to always cast is never found to be of another type."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, get_args

import pyarrow as pa
import pytest

from ai_patterns.engines.duckdb import run
from ai_patterns.engines.rows import _always_casts, _cast, _wrong
from ai_patterns.spec.streams import ColumnType

MOMENT = dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, dt.UTC)
VALUES: list[tuple[pa.DataType, list[Any]]] = [
    (pa.int8(), [-128, 127, None]),
    (pa.int64(), [-(2**63), 2**63 - 1, 2**53 + 1, 0, None]),
    (pa.uint64(), [0, 2**64 - 1, None]),
    (pa.float32(), [0.1, -0.0, float("nan"), float("inf"), None]),
    (pa.float64(), [0.5, 1e300, float("nan"), float("-inf"), None]),
    (pa.decimal128(38, 2), [Decimal("1.25"), Decimal(-(10**35)), None]),
    (pa.bool_(), [True, False, None]),
    (pa.string(), ["", "nan", "7", "ü", None]),
    (pa.large_string(), ["x", None]),
    (pa.date32(), [dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
    (pa.timestamp("us"), [MOMENT.replace(tzinfo=None), None]),
    (pa.timestamp("us", "UTC"), [MOMENT, dt.datetime(1, 1, 1, tzinfo=dt.UTC), None]),
    (pa.timestamp("ns", "Europe/Paris"), [MOMENT, None]),
]


@pytest.mark.parametrize(
    ("kind", "values"), VALUES, ids=lambda item: str(item) if isinstance(item, pa.DataType) else ""
)
def test_what_always_casts_is_never_wrong(kind: pa.DataType, values: list[Any]) -> None:
    raw = pa.table({"a": pa.array(values, kind)})
    field = raw.schema.field("a")
    for to in get_args(ColumnType):
        found = run(f"SELECT coalesce({_wrong(field, to)}, false) AS wrong FROM raw", {"raw": raw})
        assert not (_always_casts(kind, to) and any(found["wrong"].to_pylist())), to


@pytest.mark.parametrize(
    ("to", "values"), [("integer", [2**63 - 1, None]), ("boolean", [True, None]), ("string", ["ü"])]
)
def test_what_is_of_its_type_stays_as_it_is(to: ColumnType, values: list[Any]) -> None:
    raw = pa.table({"a": values})
    assert run(f"SELECT {_cast(raw.schema.field('a'), to)} AS a FROM raw", {"raw": raw})["a"].to_pylist() == values
