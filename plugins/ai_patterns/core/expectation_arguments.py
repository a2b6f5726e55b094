"""The arguments of an expectation, read only where SQL can take them at their exact word."""

from __future__ import annotations

import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["whole", "floating", "text", "truth", "instant", "other"]
"""What a column is to pandas; of `other` ones only the nulls can be told."""

COMPARABLE: tuple[Kind, ...] = ("whole", "floating", "text", "truth", "instant")

Bounds = Sequence[tuple[str, Any]]
"""Comparisons that a value must stand, such as `(">=", 1.0)`."""

_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_EXACT = 2**53
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?(Z|[+-]\d\d:\d\d)")


class InexactError(Exception):
    """The expectation cannot be said exactly in SQL; whoever translates leaves it to the library."""


@dataclass(frozen=True)
class Arguments:
    """An expectation's arguments. Each reader raises `InexactError` where the argument is not of the plain form.

    Attributes:
        given: the arguments.
        kinds: the columns that there are.
    """

    given: Mapping[str, Any]
    kinds: Mapping[str, Kind]

    def allow(self, *names: str) -> None:
        """Know these arguments alone."""
        require(set(self.given) <= set(names))

    def column(self, *kinds: Kind) -> str:
        """The column, of one of these kinds, or of any."""
        return self._known(self.given.get("column"), kinds)

    def columns(self, *kinds: Kind) -> list[str]:
        """Two columns or more."""
        names = self.given.get("column_list")
        require(isinstance(names, list | tuple) and len(set(names)) == len(names) > 1)
        return [self._known(name, kinds) for name in names or ()]

    def _known(self, name: object, kinds: Sequence[Kind]) -> str:
        require(isinstance(name, str) and name in self.kinds and (not kinds or self.kinds[name] in kinds))
        return str(name)

    @property
    def mostly(self) -> float:
        """Share of the values that must hold."""
        mostly = number(self.given.get("mostly", 1.0))
        require(0 <= mostly <= 1)
        return mostly

    def bounds(self, read: Callable[[object], Any]) -> Bounds:
        """The comparisons with `min_value` and `max_value`."""
        low, high = (None if self.given.get(name) is None else read(self.given[name]) for name in _BOUNDS)
        require(low is None or high is None or low <= high)
        signs = [self._sign("strict_min", ">"), self._sign("strict_max", "<")]
        return [(sign, bound) for sign, bound in zip(signs, (low, high), strict=True) if bound is not None]

    def _sign(self, name: str, strict: str) -> str:
        given = self.given.get(name, False)
        require(isinstance(given, bool))
        return strict if given else f"{strict}="

    def values(self, read: Callable[[object], Any]) -> list[Any]:
        """The value set, which is not empty."""
        given = self.given.get("value_set")
        require(isinstance(given, list | tuple) and len(given) > 0)
        return [read(each) for each in given or ()]


_BOUNDS = ("min_value", "max_value")


def require(condition: bool) -> None:
    """Raise `InexactError` unless the condition holds."""
    if not condition:
        raise InexactError


def number(value: object) -> float:
    """A finite number that a double holds exactly."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InexactError
    require(isinstance(value, float) or abs(value) <= _EXACT)
    return float(value)


def whole(value: object) -> int:
    """A whole number of 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise InexactError
    return value


def text(value: object) -> str:
    """Text that a query can hold."""
    if not isinstance(value, str) or any(each == "\0" or "\ud800" <= each <= "\udfff" for each in value):
        raise InexactError
    return value


def instant(value: object) -> dt.datetime:
    """An instant with its offset from UTC, in ISO 8601."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise InexactError
    try:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise InexactError from None


def within(value: Any, bounds: Bounds) -> bool:
    """Whether a value stands all comparisons.

    >>> within(2, [(">=", 1.0), ("<", 2.0)])
    False
    """
    return all(_SIGNS[sign](value, bound) for sign, bound in bounds)


def literal(value: Any) -> str:
    """A value in DuckDB's SQL.

    >>> literal(0.1), literal("it's"), literal(3)
    ("CAST('0.1' AS DOUBLE)", "'it''s'", '3')
    """
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    if isinstance(value, dt.datetime):
        return f"CAST('{value.isoformat()}' AS TIMESTAMPTZ)"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'
