"""One alarm decision on a window, calibrated on the system's own past windows of the same length.

A distance says little by itself: the weeks of one season differ by more than any usual bound. What is asked is
whether this window stands out of the past ones by more than these did among themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ai_patterns.core.daily_profiles import Profiles
from ai_patterns.core.drift_statistics import STATISTICS, window_statistics
from ai_patterns.core.row_batches import Floats
from ai_patterns.spec.monitoring import MonitoringSpec

PAST = 120
"""Past windows, one ending on each day, that a score is calibrated on."""
STATED_RATE = 0.05
"""Share of weeks without any change that raise an alarm, at most, as measured on the flights (ADR 16)."""
FLOORS = {
    "distance": 0.02,
    "missing": 0.05,
    "unseen": 0.1,
    "gap": 0.1,
    "surge": 0.01,
    "residual_mean": 0.1,
    "residual_spread": 0.1,
}
"""Below these a statistic tells nothing; in the order of `STATISTICS`."""
LEAST_SPREAD = 0.25
"""Least unit of a score, in the logarithm of its statistic."""
OWN, LEAST_OWN = 0.6, 2.0
"""Weight of a statistic's own largest past score in its threshold, which counts at least so much; the rest of the
weight is that of the largest past score of all."""
WINDOW_FACTOR, DAY_FACTOR = 1.75, 2.5
"""Times by which a score must exceed that: of a window of several days, and of a single day."""
CLEAN = 0.5
"""A column is clean while no past window reached this part of a bound."""


@dataclass(frozen=True)
class Sign:
    """The strongest sign of a change in one feature.

    Attributes:
        feature: its name.
        statistic: what stands out most.
        value: that statistic in this window.
        strength: over 1 is an alarm: the score over its threshold, or the statistic over the contract's bound.
        contract: whether a column that was always clean broke its contract.
        days: length of the window that shows it, 1 or all days.
    """

    feature: str
    statistic: str
    value: float
    strength: float
    contract: bool
    days: int


@dataclass(frozen=True)
class Decision:
    """Whether a window raises an alarm.

    Attributes:
        signs: one for each feature, the guilty one first: broken contracts before scores, then by strength.
        history: days before the window.
        needed: days before the window from which on scores are calibrated; until then only contracts alarm.
    """

    signs: tuple[Sign, ...]
    history: int
    needed: int

    @property
    def calibrated(self) -> bool:
        """Whether there is history enough for the stated rate of false alarms."""
        return self.history >= self.needed

    @property
    def alarm(self) -> bool:
        """Whether the first sign is strong enough."""
        return bool(self.signs) and self.signs[0].strength > 1


def decide(profiles: Profiles, length: int, spec: MonitoringSpec) -> Decision:
    """Judge the last `length` days.

    Args:
        profiles: consecutive days, the window's last; days without rows are empty.
        length: days of the window.
        spec: the reference's length and the contract's bounds.
    """
    history, needed = len(profiles.days) - length, history_days(length, spec)
    signs: list[Sign] = []
    for size in sorted({length, 1}, reverse=True):
        past, now = _past_and_now(profiles, size, length, spec)
        signs += _breaches(profiles, past, now, spec, size)
        if history >= needed:
            signs += _scores(profiles, past, now, size)
    strongest: dict[str, Sign] = {}
    for sign in sorted(signs, key=lambda sign: (sign.contract and sign.strength > 1, sign.strength), reverse=True):
        strongest.setdefault(sign.feature, sign)
    return Decision(tuple(strongest.values()), history, needed)


def history_days(length: int, spec: MonitoringSpec) -> int:
    """Days before a window of `length` days from which on its scores are calibrated.

    >>> history_days(7, MonitoringSpec())
    154
    """
    return spec.reference.days + PAST + length - 1


def _past_and_now(profiles: Profiles, size: int, length: int, spec: MonitoringSpec) -> tuple[Floats, Floats]:
    """Statistics of past windows, which end before this one begins, and of this window or its days."""
    days = len(profiles.days)
    ends = [*range(max(days - length - PAST, 2 * size - 1), days - length), *range(days - length + size - 1, days)]
    found = window_statistics(profiles, size, spec.reference.days, ends, spec.clocks)
    split = len(ends) - (length - size + 1)
    past = found[:split]
    return past[~np.isnan(past[:, 0, 0])], found[split:]


def _scores(profiles: Profiles, past: Floats, now: Floats, size: int) -> Iterator[Sign]:
    ratios = score(past, now) / (DAY_FACTOR if size == 1 else WINDOW_FACTOR)
    for place, feature in enumerate(profiles.bins.features):
        day, statistic = np.unravel_index(np.argmax(ratios[:, place]), ratios[:, place].shape)
        value, strength = now[day, place, statistic], ratios[day, place, statistic]
        if np.isfinite(strength):
            yield Sign(feature, STATISTICS[statistic], float(value), float(strength), contract=False, days=size)


def score(past: Floats, now: Floats) -> Floats:
    """How far each statistic stands out, in units of what it and all others together did in the past.

    Args:
        past: `n_past x n_features x n_statistics`.
        now: `n_windows x n_features x n_statistics`.

    Returns:
        `n_windows x n_features x len(FLOORS)`; minus infinity where a statistic has no meaning.
    """
    floors = np.array([*FLOORS.values()])
    before, here = (np.log(np.maximum(part[..., : len(floors)], floors)) for part in (past, now))
    middle = np.median(before, axis=0)
    spread = np.maximum(np.quantile(before, 0.9, axis=0) - middle, LEAST_SPREAD)
    own = np.maximum(((before - middle) / spread).max(0), LEAST_OWN)
    threshold = own**OWN * np.nanmax(own) ** (1 - OWN)
    return np.asarray(np.nan_to_num((here - middle) / spread / threshold, nan=-np.inf), np.float64)


def _breaches(profiles: Profiles, past: Floats, now: Floats, spec: MonitoringSpec, size: int) -> Iterator[Sign]:
    """Signs of columns that were clean in all past windows."""
    if not len(past):
        return
    bounds = _bounds(spec, daily=size == 1)
    numeric = len(profiles.bins.edges)
    for place, feature in enumerate(profiles.bins.features):
        for statistic, bound in bounds.items():
            at = STATISTICS.index(statistic)
            if (statistic == "unseen" and place < numeric) or np.isnan(now[:, place, at]).all():
                continue
            value = float(np.nanmax(now[:, place, at]))
            if np.max(past[:, place, at]) <= CLEAN * bound:
                yield Sign(feature, statistic, value, value / bound, contract=True, days=size)


def _bounds(spec: MonitoringSpec, *, daily: bool) -> dict[str, float]:
    """The contract's bounds; a single day may reach further."""
    missing, unseen = spec.max_missing_increase, spec.max_unseen_share
    stuck, gap, clock = spec.max_stuck_share, spec.max_gap_share, spec.max_clock_gain
    if daily:
        missing, unseen, stuck, gap, clock = 2 * missing, 2 * unseen, min(1.4 * stuck, 0.95), 2 * gap, 2 * clock
    return {"missing_share": missing, "unseen": unseen, "surge": stuck, "gap": gap, "clock": clock}
