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

from ai_patterns.core.local_time import local_time
from ai_patterns.spec.expressions import parse_expression

Array = np.ndarray[Any, np.dtype[Any]]
Columns = Mapping[str, Array]
Evaluator = Callable[[Columns], Any]

_MONDAY = 3
"""1970-01-01 was a Thursday, the day 3 of a week that begins with day 0, a Monday."""


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


def _clock(part: Callable[[Array], Array]) -> Callable[[Array, str], Array]:
    """A part of the local time; NaN where the instant is missing."""

    def evaluate(instants: Array, zone: str) -> Array:
        local = local_time(instants.astype("datetime64[us]"), zone)
        return np.where(np.isnat(local), np.nan, part(local).astype(np.int64))

    return evaluate


def _time_of_day(unit: str) -> Callable[[Array], Array]:
    return lambda local: (local - local.astype("datetime64[D]")).astype(f"timedelta64[{unit}]")


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
    "hour": _clock(_time_of_day("h")),
    "hours_between": _hours_between,
    "least": np.minimum,
    "log1p": np.log1p,
    "minute_of_day": _clock(_time_of_day("m")),
    "month": _clock(lambda local: local.astype("datetime64[M]").astype(np.int64) % 12 + 1),
    "weekday": _clock(lambda local: (local.astype("datetime64[D]").astype(np.int64) + _MONDAY) % 7),
}
