"""DuckDB's order of join keys is that of their serialized bytes."""

from __future__ import annotations

import random

import duckdb
import pyarrow as pa
import pytest
from feast.value_type import ValueType

from ai_patterns.feast.keys import entity_keys, key_order

RANDOM = random.Random(4)
INTEGERS = [RANDOM.randrange(-(2**63), 2**63) >> RANDOM.randrange(64) for _ in range(500)]
TEXTS = ["".join(RANDOM.choices("aé~\U0001f600", k=RANDOM.randrange(300))) for _ in range(500)]
COLUMNS = {
    "whole": (ValueType.INT64, pa.array(INTEGERS, pa.int64())),
    "short": (ValueType.INT32, pa.array([number >> 40 for number in INTEGERS], pa.int32())),
    "text": (ValueType.STRING, pa.array(TEXTS)),
    "data": (ValueType.BYTES, pa.array([text.encode() for text in TEXTS])),
}


@pytest.mark.parametrize("names", [["whole"], ["short"], ["text"], ["data"], ["whole", "text"], ["text", "short"]])
def test_the_order_is_that_of_the_bytes(names: list[str]) -> None:
    rows = pa.table({name: COLUMNS[name][1] for name in names})
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        types = {row[0]: row[1] for row in connection.execute("DESCRIBE rows").fetchall()}
        found = connection.sql(f"SELECT * FROM rows ORDER BY {', '.join(key_order(types))}").to_arrow_table()
    keys = entity_keys(
        {name: found[name].combine_chunks() for name in names}, {name: COLUMNS[name][0] for name in names}
    )
    assert keys.to_pylist() == sorted(keys.to_pylist())
    assert found.num_rows == 500
