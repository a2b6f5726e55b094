"""Great Expectations' terms as plain data: what is expected, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Configuration:
    """One expectation, as a suite's file holds it.

    Attributes:
        type: such as `expect_column_values_to_not_be_null`.
        kwargs: its arguments.
    """

    type: str
    kwargs: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What was found; each field is the one that Great Expectations tells, None where it does not.

    Attributes:
        success: whether the expectation holds.
        element_count: rows that there are.
        missing_count: those among them without a value.
        missing_percent: their share.
        unexpected_count: values that break it.
        unexpected_percent: their share of the values that there are.
        unexpected_rows: where they are, counted from 0, ascending.
        observed_value: what was measured of a whole column or table.
    """

    success: bool
    element_count: int | None = None
    missing_count: int | None = None
    missing_percent: float | None = None
    unexpected_count: int | None = None
    unexpected_percent: float | None = None
    unexpected_rows: tuple[int, ...] | None = None
    observed_value: Any = None


def judge_values(count: int, missing: int | None, unexpected: Sequence[int], mostly: float) -> Outcome:
    """The outcome of an expectation about single values.

    Args:
        count: number of rows.
        missing: how many of them have no value; None where that is what the expectation is about.
        unexpected: the rows that break it.
        mostly: share of the values that must hold.

    >>> judge_values(4, 1, [2], 0.6).success, judge_values(4, 1, [2], 0.6).missing_percent
    (True, 25.0)
    >>> judge_values(0, 0, [], 1).unexpected_percent is None
    True
    """
    present, wrong = count - (missing or 0), len(unexpected)
    return Outcome(
        success=present == 0 or (present - wrong) / present >= mostly,
        element_count=count,
        missing_count=missing,
        missing_percent=None if missing is None or not count else missing / count * 100,
        unexpected_count=wrong,
        unexpected_percent=wrong / present * 100 if present else None,
        unexpected_rows=tuple(sorted(unexpected)),
    )
