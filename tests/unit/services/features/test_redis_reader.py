from __future__ import annotations

import math

import pytest
from feast.feature_server_utils import _value_to_native
from feast.protos.feast.types.Value_pb2 import DoubleList, Map, Value
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.services.features.redis_reader import decode

VALUES = st.one_of(
    st.floats().map(lambda number: Value(double_val=number)),
    st.floats(width=32).map(lambda number: Value(float_val=number)),
    st.text(max_size=300).map(lambda text: Value(string_val=text)),
    st.binary(max_size=200).map(lambda data: Value(bytes_val=data)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: Value(int64_val=number)),
    st.booleans().map(lambda truth: Value(bool_val=truth)),
    st.lists(st.floats(allow_nan=False)).map(lambda numbers: Value(double_list_val=DoubleList(val=numbers))),
    st.just(Value()),
)


@given(VALUES)
def test_values_are_what_feast_makes_of_them(value: Value) -> None:
    assert decode(value.SerializeToString()) == _value_to_native(value)


@pytest.mark.parametrize("length", [0, 127, 128, 130, 255, 256, 70_000])
def test_strings_of_every_length(length: int) -> None:
    assert decode(Value(string_val="x" * length).SerializeToString()) == "x" * length


def test_what_json_has_no_word_for_and_maps() -> None:
    assert [decode(Value(double_val=number).SerializeToString()) for number in (math.nan, math.inf, -math.inf)] == [
        "NaN",
        "Infinity",
        "-Infinity",
    ]
    nested = Value(map_val=Map(val={"a": Value(int64_val=1)}))
    assert decode(nested.SerializeToString()) == {"a": 1}
    assert decode(None) is None
