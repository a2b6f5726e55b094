"""Feature values as they come out of JSON, in arrays that compare bit by bit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ai_patterns.core.predictions import json_value

Array = np.ndarray[Any, np.dtype[Any]]

ABSENT: Final = ...
"""Stands for a feature that the logged vector does not have at all."""

NO_FEATURE, NULL, NUMBER, INTEGER, BOOLEAN, TEXT = range(6)
_KINDS: dict[type, int] = {type(...): NO_FEATURE, type(None): NULL, float: NUMBER, int: INTEGER, bool: BOOLEAN}


@dataclass(frozen=True)
class Cells:
    """One feature of many vectors.

    A JSON number is a float64, whether written 2 or 2.0; an integer that no float64 holds has its digits in `text`
    too. The log writes NaN and infinities as null, so null is the one missing value.

    Attributes:
        kind: what JSON has there, uint8.
        number: float64; 0 where there is no number.
        text: object, a string; empty where there is none.
    """

    kind: Array
    number: Array
    text: Array

    def take(self, rows: Array) -> Cells:
        """The cells at `rows`: positions or a mask."""
        return Cells(self.kind[rows], self.number[rows], self.text[rows])

    def where(self, chosen: Array, other: Cells) -> Cells:
        """These cells where `chosen`, elsewhere the other's."""
        return Cells(
            np.where(chosen, self.kind, other.kind),
            np.where(chosen, self.number, other.number),
            np.where(chosen, self.text, other.text),
        )

    @property
    def is_null(self) -> Array:
        """Where there is no value."""
        return self.kind <= NULL

    @property
    def says_something(self) -> Array:
        """Where there is a value beside zero, which may stand for nothing."""
        speaking: Array = ~self.is_null & ((self.number != 0) | (self.text != ""))
        return speaking


def to_cells(values: Sequence[object]) -> Cells:
    """Cells of JSON values.

    >>> to_cells([1.5, 2, True, "EWR", None, ABSENT]).kind.tolist()
    [2, 3, 4, 5, 1, 0]
    """
    kind = np.fromiter((_KINDS.get(type(value), TEXT) for value in values), np.uint8, len(values))
    number, text = np.zeros(len(values)), np.full(len(values), "", object)
    for row in np.flatnonzero(kind == TEXT).tolist():
        text[row] = str(values[row])
    for row in np.flatnonzero((kind >= NUMBER) & (kind <= BOOLEAN)).tolist():
        value: Any = values[row]
        number[row] = value
        if kind[row] == INTEGER and int(number[row]) != value:
            text[row] = str(value)
    return Cells(kind, number, text)


def column_cells(column: pa.ChunkedArray) -> Cells:
    """Cells of a column of features, as the log would write them.

    >>> column_cells(pa.chunked_array([[0.5, float("nan"), None]])).kind.tolist()
    [2, 1, 1]
    """
    if not pa.types.is_float64(column.type):
        return to_cells([json_value(value) for value in column.to_pylist()])
    number = np.asarray(column.to_numpy())
    there = np.isfinite(number)
    kind = np.where(there, NUMBER, NULL).astype(np.uint8)
    return Cells(kind, np.where(there, number, 0.0), np.full(len(number), "", object))


def same(left: Cells, right: Cells) -> Array:
    """Where both have the same kind and bits: 0.0 is not -0.0, true is not 1, an absent feature equals nothing.

    >>> same(to_cells([0.1 + 0.2, None, 0.0, 1, True]), to_cells([0.3, None, -0.0, 1.0, 1])).tolist()
    [False, True, False, True, False]
    """
    one, other = (np.where(side.kind == INTEGER, NUMBER, side.kind) for side in (left, right))
    bits = left.number.view(np.int64) == right.number.view(np.int64)
    alike: Array = (one == other) & bits & (left.text == right.text) & (left.kind != NO_FEATURE)
    return alike.astype(bool)


def json_text(cells: Cells, row: int) -> str | None:
    """One cell as JSON; None where the feature is absent.

    >>> [json_text(to_cells([0.1, 3, False, "EWR", None, ABSENT]), row) for row in range(6)]
    ['0.1', '3', 'false', '"EWR"', 'null', None]
    """
    match int(cells.kind[row]):
        case 0:
            return None
        case 1:
            return "null"
        case 3:
            return str(cells.text[row]) or str(int(cells.number[row]))
        case 4:
            return "true" if cells.number[row] else "false"
        case 5:
            return json.dumps(str(cells.text[row]), ensure_ascii=False)
    return repr(float(cells.number[row]))
