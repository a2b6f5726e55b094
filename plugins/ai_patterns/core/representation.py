"""One value written in two ways: what `type` and `time_zone` mean for a single cell."""

from __future__ import annotations

import datetime as dt

import numpy as np

from ai_patterns.core.cells import BOOLEAN, INTEGER, NUMBER, TEXT, Array, Cells

_HOURS_OF_ZONES = 14
_UNITS = (1.0, 1e3, 1e6, 1e9)


def same_in_another_type(served: Cells, right: Cells) -> Array:
    """Where the served cell is the right value in another representation.

    That is: a number equal as a number (true as 1, -0.0 as 0.0), rounded to float32, or written as an integer without
    its fraction; a number or an instant written as text or as an epoch; a text but for case and surrounding blanks.

    >>> from ai_patterns.core.cells import to_cells
    >>> served = to_cells([True, 0.10000000149011612, 2, 2.0, "1.5", " ewr"])
    >>> same_in_another_type(served, to_cells([1.0, 0.1, 2.7, 2.7, 1.5, "EWR"])).tolist()
    [True, True, True, False, True, True]
    """
    numeric = _numeric(served) & _numeric(right)
    with np.errstate(over="ignore"):
        rounded = right.number.astype(np.float32).astype(np.float64)
    equal = (served.number == right.number) | (served.number == rounded)
    cut = (served.kind == INTEGER) & (served.number == np.trunc(right.number))
    found: Array = numeric & (equal | cut)
    for row in np.flatnonzero((served.kind == TEXT) | (right.kind == TEXT)):
        found[row] = _same_text(served, right, int(row))
    return found


def whole_hours_apart(served: Cells, right: Cells) -> Array:
    """Where both are instants that lie whole hours, at most 14, apart: one clock face read in two zones."""
    found = np.zeros(len(served.kind), bool)
    for row in np.flatnonzero((served.kind == TEXT) & (right.kind == TEXT)):
        instants = _instant(served.text[row]), _instant(right.text[row])
        if instants[0] and instants[1]:
            hours = abs((instants[0] - instants[1]).total_seconds()) / 3600
            found[row] = hours.is_integer() and 0 < hours <= _HOURS_OF_ZONES
    return found


def _numeric(cells: Cells) -> Array:
    numeric: Array = (cells.kind >= NUMBER) & (cells.kind <= BOOLEAN)
    return numeric


def _same_text(served: Cells, right: Cells, row: int) -> bool:
    one, other = str(served.text[row]), str(right.text[row])
    if served.kind[row] == right.kind[row] == TEXT:
        same_instant = _instant(one) is not None and _instant(one) == _instant(other)
        return one != other and (one.strip().casefold() == other.strip().casefold() or same_instant)
    text, number = (one, right.number[row]) if served.kind[row] == TEXT else (other, served.number[row])
    if not _numeric(right if served.kind[row] == TEXT else served)[row]:
        return False
    instant = _instant(text)
    if instant:
        return any(instant.timestamp() * unit == number for unit in _UNITS)
    return _number(text) == float(number)


def _number(text: str) -> float | None:
    words = {"true": 1.0, "false": 0.0}
    try:
        return float(text)
    except ValueError:
        return words.get(text.strip().casefold())


def _instant(text: str) -> dt.datetime | None:
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
