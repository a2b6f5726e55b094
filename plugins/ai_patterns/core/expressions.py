"""On-demand features: one evaluation of an expression for training and for serving.

A number is a float64 array with NaN where it is missing, an instant a `datetime64[us]` array in UTC with NaT.
Training evaluates a column of a million rows and serving one of a single row, through the same operations
on IEEE 754 doubles, so both give the same bits.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.spec.expressions import parse_expression

Array = np.ndarray[Any, np.dtype[Any]]
Columns = Mapping[str, Array]
Evaluator = Callable[[Columns], Any]


@lru_cache(maxsize=1024)
def compile_expression(text: str) -> Evaluator:
    """Compile an expression into a function of the columns.

    >>> compile_expression("(a - b) % 24")({"a": np.array([1.0]), "b": np.array([3.0])})
    array([22.])

    Raises:
        ValueError: the text is outside the grammar.
    """
    return _compile(parse_expression(text))


def _compile(node: ast.AST) -> Evaluator:
    match node:
        case ast.Constant(value=value):
            return lambda _: value
        case ast.Name(id=name):
            return lambda columns: columns[name]
        case ast.UnaryOp(operand=operand):
            inner = _compile(operand)
            return lambda columns: -inner(columns)
        case ast.BinOp(left=left, op=op, right=right):
            return _apply(_OPERATORS[type(op)], left, right)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _apply(_comparison(_OPERATORS[type(op)]), left, right)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _apply(_FUNCTIONS[name], *arguments)
    raise ValueError(f"{ast.dump(node)} is outside the grammar")


def _apply(function: Callable[..., Any], *nodes: ast.AST) -> Evaluator:
    inner = [_compile(node) for node in nodes]
    return lambda columns: function(*(evaluate(columns) for evaluate in inner))


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Array]:
    """1 or 0, and NaN where either side is missing."""

    def evaluate(left: Any, right: Any) -> Array:
        missing = np.isnan(left) | np.isnan(right)
        return np.where(missing, np.nan, compare(left, right))

    return evaluate


def _local(instants: Array, zone: str) -> Any:
    return pc.local_timestamp(pa.array(instants.astype("datetime64[us]")).cast(pa.timestamp("us", tz=zone)))


def _clock(part: Callable[[Any], Any]) -> Callable[[Array, str], Array]:
    def evaluate(instants: Array, zone: str) -> Array:
        return _numbers(part(_local(instants, zone)))

    return evaluate


def _numbers(values: Any) -> Array:
    numbers: Array = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _hours_between(start: Array, end: Array) -> Array:
    """Hours from `start` to `end`; NaN where either is missing."""
    elapsed = (end - start).astype("timedelta64[us]")
    return np.where(np.isnat(elapsed), np.nan, elapsed.astype(np.int64) / 3_600_000_000)


_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.true_divide,
    ast.Mod: np.mod,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "coalesce": lambda value, other: np.where(np.isnan(value), other, value),
    "greatest": np.maximum,
    "hour": _clock(pc.hour),
    "hours_between": _hours_between,
    "least": np.minimum,
    "log1p": np.log1p,
    "minute_of_day": _clock(lambda local: pc.add(pc.multiply(pc.hour(local), 60), pc.minute(local))),
    "month": _clock(pc.month),
    "weekday": _clock(pc.day_of_week),
}
