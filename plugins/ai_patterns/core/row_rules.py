"""The rules of single rows, checked on whole Arrow columns."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ai_patterns.core.quality import Expectation, row_expectations
from ai_patterns.spec.streams import StreamSpec

Mask = NDArray[np.bool_]


def broken_rules(stream: StreamSpec, rows: pa.Table) -> Iterator[tuple[Expectation, Mask]]:
    """The rules of `quality.row_expectations` that some row breaks, in order, each with the rows that do.

    Whether a key is unique is no matter of one batch, and typed columns hold their types: both are left out.

    Args:
        stream: what declares the rules.
        rows: its declared columns, with the types of `arrow_types`.
    """
    for rule in row_expectations(stream):
        if rule.kind in {"type", "unique"}:
            continue
        bad = _breaks(rule, rows[rule.column])
        if bad.any():
            yield rule, bad


def _breaks(rule: Expectation, column: pa.ChunkedArray) -> Mask:
    if rule.kind == "not_null":
        return _mask(pc.is_null(column))
    if rule.kind == "range":
        return _outside(rule, column)
    allowed = _matching(rule.pattern, column) if rule.kind == "pattern" else pa.array(rule.values).cast(column.type)
    return _mask(pc.and_(pc.is_valid(column), pc.invert(pc.is_in(column, value_set=allowed))))


def _outside(rule: Expectation, column: pa.ChunkedArray) -> Mask:
    bad, column = np.zeros(len(column), np.bool_), column.cast(pa.float64(), safe=False)  # as the bounds are
    if rule.minimum is not None:
        bad |= _mask(pc.less(column, rule.minimum))
    if rule.maximum is not None:
        bad |= _mask(pc.greater(column, rule.maximum))
    return bad


def _matching(pattern: str, column: pa.ChunkedArray) -> pa.Array:
    """The different values that match as a whole; by Python's expressions, as the audit of a day reads them."""
    matches = re.compile(pattern).fullmatch
    return pa.array([each for each in pc.unique(column).to_pylist() if each is not None and matches(each)], pa.string())


def _mask(found: pa.ChunkedArray) -> Mask:
    return np.asarray(pc.fill_null(found, False).to_numpy(), dtype=np.bool_)
