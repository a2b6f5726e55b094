"""Whether a clock is wrong: how much of a change in the times of day a turn of the clock would undo.

Seasons and timetables move the times of day by as much as a wrong time zone does, but none of them moves all of them
by the same half hours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ai_patterns.core.row_batches import Floats

TURNS = 48
"""Turns of a day that are tried: time zones differ by half hours, and quarters are rare."""


def clock_gains(window: Floats, reference: Floats, edges: Floats, day: float) -> Floats:
    """How much nearer the best turn of the clock brings each window to its reference.

    Nearness is Kuiper's statistic, the one of the cumulated shares that does not depend on where a day begins
    (Kuiper 1960, Proc. Kon. Ned. Akad. van Wet. A 63, 38-47).

    Args:
        window: share of the values in each bin, `n x (n_edges + 1)`.
        reference: likewise, of the days before.
        edges: ascending edges between the bins, in units of the clock; a day begins at 0.
        day: how many such units a day has.

    Returns:
        `n` differences of two statistics, between 0 and 1: 0 where no turn helps, or one side has no values.

    >>> edges = np.arange(1.0, 24.0)
    >>> seen, turned = np.zeros((2, 1, 24))
    >>> seen[0, 8:17], turned[0, 9:18] = 1 / 9, 1 / 9
    >>> clock_gains(turned, seen, edges, 24).round(3), clock_gains(seen, seen, edges, 24).round(3)
    (array([0.111]), array([0.]))
    """
    marks = np.concatenate([[0.0], np.clip(edges, 0.0, day), [day]])
    before, now = _cumulated(reference), _cumulated(window)
    around = np.concatenate([marks[:-1] - day, marks[:-1], marks + day])
    rounds = np.concatenate([now[:, :-1] - 1, now[:, :-1], now + 1], axis=1)
    turns = np.arange(TURNS) * day / TURNS
    distances = [np.ptp(_read(around, rounds, marks + turn) - before, axis=1) for turn in turns]
    both = (window.sum(1) > 0) & (reference.sum(1) > 0)
    return np.where(both, distances[0] - np.minimum.reduce(distances), 0.0)


def _cumulated(shares: Floats) -> Floats:
    """Share of the values up to each edge, from the day's beginning to its end."""
    return np.concatenate([np.zeros((len(shares), 1)), np.cumsum(shares, axis=1)], axis=1)


def _read(marks: Floats, values: Floats, at: NDArray[np.float64]) -> Floats:
    """Each row of `values`, which are those at `marks`, between them."""
    after = np.clip(np.searchsorted(marks, at, side="left"), 1, len(marks) - 1)
    low, high = marks[after - 1], marks[after]
    part = np.divide(at - low, high - low, out=np.ones(len(at)), where=high > low)
    return np.asarray(values[:, after - 1] * (1 - part) + values[:, after] * part, np.float64)
