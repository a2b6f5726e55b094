"""A column's bytes are those of Feast's own conversion, value by value."""

from __future__ import annotations

import pyarrow as pa
import pytest
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import feast_value_type_to_python_type, python_values_to_proto_values
from feast.value_type import ValueType

from ai_patterns.feast.keys import entity_keys
from ai_patterns.feast.values import value_bytes, value_texts
from feast_columns import ONLY_OURS, TYPES, column


def feast_values(values: pa.Array, kind: ValueType) -> list[Value]:
    return python_values_to_proto_values(values.to_numpy(zero_copy_only=False), kind)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("span", [(0, 1500), (100, 900), (0, 0)], ids=["all", "slice", "none"])
def test_bytes_are_those_of_feast(kind: ValueType, span: tuple[int, int]) -> None:
    values = column(kind, 1500, seed=1).slice(*span)
    assert value_bytes(values, kind).to_pylist() == [proto.SerializeToString() for proto in feast_values(values, kind)]


def test_every_value_type_of_feast_is_told() -> None:
    assert {*TYPES, *ONLY_OURS} == set(ValueType) - {ValueType.UNKNOWN, ValueType.NULL, ValueType.VALUE_SET}


@pytest.mark.parametrize("kind", ONLY_OURS, ids=lambda kind: kind.name)
def test_what_feast_refuses_from_arrow_is_written(kind: ValueType) -> None:
    values = column(kind, 50, seed=2)
    with pytest.raises(TypeError):
        feast_values(values, kind)
    found = [feast_value_type_to_python_type(Value.FromString(data)) for data in value_bytes(values, kind).to_pylist()]
    wanted = values.to_pylist(maps_as_pydicts="strict")
    if kind is ValueType.ZONED_TIMESTAMP:  # whole seconds, as Feast keeps them
        found, wanted = ([moment and int(moment.timestamp()) for moment in items] for items in (found, wanted))
    assert found == wanted


def test_large_integers_beside_a_null_are_kept_where_feast_rounds_them() -> None:
    values = pa.array([2**53 + 1, None], pa.int64())
    assert [proto.int64_val for proto in feast_values(values, ValueType.INT64)] == [2**53, 0]
    assert [Value.FromString(data).int64_val for data in value_bytes(values, ValueType.INT64).to_pylist()] == [
        2**53 + 1,
        0,
    ]


@pytest.mark.parametrize("kind", [ValueType.DOUBLE, ValueType.FLOAT, ValueType.INT64, ValueType.BOOL, ValueType.STRING])
def test_texts_are_pythons(kind: ValueType) -> None:
    from feast.infra.online_stores.helpers import extract_text_and_num

    values = column(kind, 3000, seed=3)
    wanted = [extract_text_and_num(proto, compute_num=False)[0] for proto in feast_values(values, kind)]
    assert value_texts(values, kind).to_pylist() == wanted


def test_a_key_without_value_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'shop' is null in 1 rows"):
        entity_keys({"shop": pa.array([1, None])}, {"shop": ValueType.INT64})
    with pytest.raises(ValueError, match="'ratio' is of type DOUBLE"):
        entity_keys({"ratio": pa.array([1.5])}, {"ratio": ValueType.DOUBLE})
