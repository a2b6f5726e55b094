"""From rows of inputs and stored features to the matrix that a model reads, as Arrow tables.

Training and batch scoring go through these functions, and the server through `core.vector_builder`: a test holds both
equal, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.core.expressions import Array, compile_expression
from ai_patterns.core.vector_builder import Encodings, Matrix
from ai_patterns.spec.system import SystemSpec


def add_on_demand(system: SystemSpec, table: pa.Table) -> pa.Table:
    """Append the on-demand features (float64, null where missing) to `table`.

    Args:
        system: the system's spec.
        table: holds the decision's inputs and every stored feature.
    """
    columns = {name: to_array(table.column(name)) for name in table.column_names}
    for name, text in system.on_demand.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            columns[name] = np.broadcast_to(np.asarray(compile_expression(text)(columns), np.float64), table.num_rows)
        table = table.append_column(name, pa.array(columns[name], pa.float64(), from_pandas=True))
    return table


def to_array(column: pa.ChunkedArray) -> Array:
    """A column as numpy: float64 with NaN, `datetime64[us]` with NaT in UTC, or objects for strings."""
    if pa.types.is_timestamp(column.type):
        return np.asarray(column.cast(pa.timestamp("us")).to_numpy())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.asarray(column.to_numpy())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy())  # keys may exceed 2^53


def learn_encodings(system: SystemSpec, table: pa.Table, label: Array) -> dict[str, dict[str, float]]:
    """Ordinal codes of each categorical column, in the order of the label's mean (ties by name).

    Ordered codes let a tree split categories by one threshold (Fisher 1958; Breiman et al. 1984, 4.2.2).

    Args:
        system: the system's spec.
        table: training rows.
        label: their labels, float64, one a row.
    """
    labels = pa.array(label)
    return {name: _order_by_label(table.column(name), labels) for name in system.model.categorical}


def _order_by_label(column: pa.ChunkedArray, label: pa.Array) -> dict[str, float]:
    means = pa.table({"value": column, "label": label}).group_by("value").aggregate([("label", "mean")])
    ordered = means.filter(pc.is_valid(means["value"])).sort_by([("label_mean", "ascending"), ("value", "ascending")])
    return {value: float(code) for code, value in enumerate(ordered["value"].to_pylist())}


def model_matrix(system: SystemSpec, table: pa.Table, encodings: Encodings) -> Matrix:
    """The model's input, `n_rows x len(system.model.columns)` float32; missing and unknown values are NaN."""
    matrix = np.empty((table.num_rows, len(system.model.columns)), np.float32)
    for index, name in enumerate(system.model.columns):
        column = table.column(name)
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, in training and in serving
            matrix[:, index] = _encode(column, encodings[name]) if name in encodings else to_array(column)
    return matrix


def _encode(column: pa.ChunkedArray, codes: Mapping[str, float]) -> Array:
    position = pc.index_in(column, value_set=pa.array(list(codes), pa.string()))
    return np.asarray(position.cast(pa.float64()).to_numpy())
