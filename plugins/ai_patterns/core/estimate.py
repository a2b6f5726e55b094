"""Performance without labels: what calibrated scores expect of themselves, with the band of their own recent errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

RECENT = 13
"""Labelled weeks whose largest error is the band."""
EXPECTED = {
    "brier": "avg(score * (1 - score))",
    "logloss": "avg(-CASE WHEN score IN (0, 1) THEN 0 ELSE score * ln(score) + (1 - score) * ln(1 - score) END)",
}
"""SQL of a metric's expectation over `score`, if each row is true with its own probability (CBPE, NannyML 2022)."""


@dataclass(frozen=True)
class Estimate:
    """One week of a metric.

    Attributes:
        day: the week's last day.
        expected: the metric as the scores expect it.
        band: largest error of the expectation in the last `RECENT` labelled weeks before; None without any.
        weeks: how many weeks that were.
        measured: the metric by labels, which overrules the expectation; None while none landed.
    """

    day: dt.date
    expected: float
    band: float | None
    weeks: int
    measured: float | None


def with_bands(weeks: Sequence[tuple[dt.date, float, float | None]]) -> list[Estimate]:
    """Estimates from `(day, expected, measured)`, in order of days.

    >>> days = [dt.date(2024, 1, 7), dt.date(2024, 1, 14)]
    >>> [item.band for item in with_bands([(days[0], 0.25, 0.5), (days[1], 0.25, None)])]
    [None, 0.25]
    """
    found = []
    errors: list[float] = []
    for day, expected, measured in weeks:
        recent = errors[-RECENT:]
        found.append(Estimate(day, expected, max(recent, default=None), len(recent), measured))
        if measured is not None:
            errors.append(abs(measured - expected))
    return found
