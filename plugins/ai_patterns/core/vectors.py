"""From rows of inputs and stored features to the matrix that a model reads.

Training, batch scoring and the server all go through these functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.core.expressions import Array, compile_expression
from ai_patterns.spec.streams import ColumnType
from ai_patterns.spec.system import SystemSpec

Encodings = Mapping[str, Mapping[str, float]]
"""For each categorical column, the code of each value seen in training."""

Matrix = np.ndarray[Any, np.dtype[np.float32]]


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


class VectorBuilder:
    """The same matrix from Python values instead of an Arrow table: for a server, whose batches are small.

    Args:
        system: the system's spec.
        encodings: of the model.
        kinds: type of each decision input and of each stored feature.
    """

    def __init__(self, system: SystemSpec, encodings: Encodings, kinds: Mapping[str, ColumnType]) -> None:
        self._columns, self._encodings, self._kinds = system.model.columns, encodings, kinds
        self._expressions = [(name, compile_expression(text)) for name, text in system.on_demand.items()]

    def build(self, columns: Mapping[str, Sequence[Any]], rows: int) -> tuple[Matrix, dict[str, Array]]:
        """The model's input and the on-demand features.

        Args:
            columns: the decision's inputs and every stored feature, None where missing.
            rows: number of rows.

        Returns:
            `rows x len(system.model.columns)` float32, and each on-demand feature as float64 with NaN.
        """
        arrays = _Arrays(columns, self._kinds)
        made: dict[str, Array] = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, evaluate in self._expressions:
                made[name] = arrays[name] = np.broadcast_to(np.asarray(evaluate(arrays), np.float64), rows)
        matrix = np.empty((rows, len(self._columns)), np.float32)
        with np.errstate(over="ignore"):
            for index, name in enumerate(self._columns):
                codes = self._encodings.get(name)
                matrix[:, index] = arrays[name] if codes is None else [codes.get(v, np.nan) for v in columns[name]]
        return matrix, made


class _Arrays(dict[str, Array]):
    """Each column as an array as soon as something asks for it."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, ColumnType]) -> None:
        super().__init__()
        self._columns, self._kinds = columns, kinds

    def __missing__(self, name: str) -> Array:
        kind, values = self._kinds[name], self._columns[name]
        if kind == "timestamp":
            made = np.array([None if v is None else v.replace(tzinfo=None) for v in values], "datetime64[us]")
        else:
            made = np.array(values, object if kind == "string" else np.float64)
        self[name] = made
        return made


def _encode(column: pa.ChunkedArray, codes: Mapping[str, float]) -> Array:
    position = pc.index_in(column, value_set=pa.array(list(codes), pa.string()))
    return np.asarray(position.cast(pa.float64()).to_numpy())
