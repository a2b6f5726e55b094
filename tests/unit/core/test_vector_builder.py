"""The server's matrix is the training's, to the bit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bakery
from ai_patterns.clients.feast_repository import column_types
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.vector_builder import VectorBuilder
from ai_patterns.core.vectors import add_on_demand, model_matrix
from ai_patterns.spec.system import SystemSpec

DRAWN: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(["rye", "cake", "EWR", "UA", ""]),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "timestamp": st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2040, 1, 1), timezones=st.just(dt.UTC)),
}


def bits(matrix: np.ndarray) -> bytes:
    """Every bit, but for what a missing value carries: processors differ in the sign of inf % 24."""
    return np.where(np.isnan(matrix), np.nan, matrix).tobytes()


@pytest.mark.parametrize("name", ["bakery", "flights"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_rows(name: str, flights: SystemSpec, data: st.DataObject) -> None:
    system = flights if name == "flights" else bakery.bakery()
    kinds = column_types(system)
    row = st.fixed_dictionaries({column: st.none() | DRAWN[kind] for column, kind in kinds.items()})
    rows = data.draw(st.lists(row, max_size=4))
    encodings = {column: {"rye": 0.0, "EWR": 1.0, "UA": 2.0} for column in system.model.categorical}
    columns = {column: [item[column] for item in rows] for column in kinds}
    table = pa.table(columns, pa.schema([(column, ARROW_TYPES[kind]) for column, kind in kinds.items()]))
    whole = add_on_demand(system, table)
    matrix, made = VectorBuilder(system, encodings, kinds).build(columns, len(rows))
    assert bits(matrix) == bits(model_matrix(system, whole, encodings))
    for column in system.on_demand:
        np.testing.assert_array_equal(made[column], whole[column].to_numpy())
