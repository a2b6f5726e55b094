"""From rows of inputs and stored features to the matrix that a model reads, as Python values and without Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ai_patterns.core.expressions import Array, compile_expression
from ai_patterns.spec.streams import ColumnType
from ai_patterns.spec.system import SystemSpec

Encodings = Mapping[str, Mapping[str, float]]
"""For each categorical column, the code of each value seen in training."""

Matrix = np.ndarray[Any, np.dtype[np.float32]]


class VectorBuilder:
    """The matrix of `core.vectors` from Python values: for a server, whose batches are small.

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
