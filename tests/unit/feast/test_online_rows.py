"""Values of a column, decoded as Feast decodes each of them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from feast.protos.feast.types.Value_pb2 import Null, Value
from feast.type_map import feast_value_type_to_python_type

from ai_patterns.feast.online_rows import AskedView, ReadView

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DOUBLES = [Value(double_val=value) for value in (0.0, -0.0, 1.5, math.inf, -1e308, 5e-324, 41.0, 2.0, 3.0)]
OTHERS = [
    Value(int64_val=41),
    Value(int64_val=-1),
    Value(float_val=0.5),
    Value(bool_val=False),
    Value(string_val=")" * 7),
    Value(string_val="x" * 300),
    Value(bytes_val=b")" * 16),
    Value(null_val=Null.NULL),
    Value(unix_timestamp_val=1_700_000_000),
]


def read(values: list[Value | None]) -> list[Any]:
    column = tuple(None if value is None else value.SerializeToString() for value in values)
    view = AskedView("view", b"_ts:view", ("feature",), None)
    return ReadView(view, [(None,) * len(column), column], NOW).values()["feature"]


def expected(values: list[Value | None]) -> list[Any]:
    return [None if value is None else feast_value_type_to_python_type(value) for value in values]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([], id="none"),
        pytest.param(DOUBLES[:2], id="few doubles"),
        pytest.param(DOUBLES, id="doubles"),
        pytest.param([*DOUBLES, None], id="an entity that is absent"),
        pytest.param([*DOUBLES, Value()], id="a null"),
        pytest.param([*DOUBLES, *OTHERS], id="doubles first"),
        pytest.param([*OTHERS, *DOUBLES], id="doubles last"),
        pytest.param([Value(int64_val=number) for number in range(0, 40_000, 7)], id="integers"),
        pytest.param([Value(int32_val=number) for number in range(-3, 300)], id="short integers"),
        pytest.param([Value(string_val="1234567")] * 9, id="texts as long as doubles"),
    ],
)
def test_a_column_is_what_its_values_are(values: list[Value | None]) -> None:
    assert repr(read(values)) == repr(expected(values))


@pytest.mark.parametrize("other", [DOUBLES[:8], [*DOUBLES[:7], None], [Value(), *DOUBLES[:7]], OTHERS[:8]])
def test_columns_that_are_read_at_once_stay_apart(other: list[Value | None]) -> None:
    columns = {"a": DOUBLES[:8], "other": other, "b": DOUBLES[1:9], "number": [Value(int64_val=3)] * 8}
    data = [tuple(None if value is None else value.SerializeToString() for value in c) for c in columns.values()]
    view = AskedView("view", b"_ts:view", tuple(columns), None)
    found = ReadView(view, [(None,) * 8, *data], NOW).values()
    assert repr(found) == repr({name: expected(list(column)) for name, column in columns.items()})
