"""Findings on a window of features: distances that inform, and one decision on an alarm."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ai_patterns.core.bins import fit_bins
from ai_patterns.core.daily_profiles import Profiles
from ai_patterns.core.days import Days
from ai_patterns.core.divergence import chi_square, jensen_shannon, kolmogorov_smirnov, psi, total_variation
from ai_patterns.core.drift_rule import STATED_RATE, Decision, Sign, decide
from ai_patterns.core.profiling import profile_days
from ai_patterns.core.row_batches import Floats, Rows
from ai_patterns.spec.monitoring import MonitoringSpec

GROUPS = 10
"""Bins of about equal weight in the reference that PSI, Jensen-Shannon and chi-square are taken over."""
DECISION, STRENGTH = "drift", "drift_strength"
"""The check that holds the decision on a window, and the one that holds each feature's strongest sign."""


@dataclass(frozen=True)
class Finding:
    """One statistic of one feature.

    Attributes:
        check: the statistic's name.
        subject: the feature.
        value: what was found.
        bound: what it is compared with, if with anything.
        passed: False raises an alarm.
        detail: what it means, for people.
    """

    check: str
    subject: str
    value: float
    bound: float | None = None
    passed: bool = True
    detail: str = ""


def judge(
    rows: Rows, days: Days, numeric: Sequence[str], categorical: Sequence[str], spec: MonitoringSpec
) -> list[Finding]:
    """Everything about a window: the decision, each feature's strongest sign, and the distances.

    Args:
        rows: the window and the days before it; has `day` and the named columns.
        days: the window.
        numeric: columns of numbers.
        categorical: columns of categories.
        spec: the reference's length and the bounds.

    Returns:
        The decision first; nothing where the window or what was before it is empty.
    """
    profiles = profile_days(rows, fit_bins(rows, numeric, categorical, before=days.first))
    before = [day for day in profiles.days if day < days.first]
    if not before or len(before) == len(profiles.days):
        return []
    profiles = profiles.on([*Days(before[0], days.last)])
    window = profiles.on([*days]).merged()
    one = dt.timedelta(days=1)
    reference = profiles.on([*Days(days.first - spec.reference, days.first - one)]).merged()
    decision = decide(profiles, days.count, spec)
    return [*conclude(decision, window), *measure(reference, window, spec)]


def measure(reference: Profiles, window: Profiles, bounds: MonitoringSpec) -> Iterator[Finding]:
    """Distances of every feature; none of them alarms.

    Args:
        reference: one merged profile.
        window: likewise.
        bounds: the PSI from which a feature is worth a look.
    """
    for name in window.bins.features:
        numeric = name in window.bins.edges
        fine = reference.counts[name][0].astype(float), window.counts[name][0].astype(float)
        pair = in_groups(*fine) if numeric else fine
        index = psi(*pair)
        note = "above its bound: worth a look, no alarm by itself" if index > bounds.max_psi else ""
        yield Finding("psi", name, index, bounds.max_psi, detail=note)
        yield Finding("jensen_shannon", name, jensen_shannon(*pair))
        yield Finding("chi_square", name, chi_square(*pair))
        if numeric:
            yield Finding("kolmogorov_smirnov", name, kolmogorov_smirnov(*fine))
            yield _range(name, reference, window)
        else:
            yield Finding("total_variation", name, total_variation(*fine))


def in_groups(reference: Floats, window: Floats) -> tuple[Floats, Floats]:
    """Both counts in at most `GROUPS` groups of neighbouring bins that weigh about the same in the reference.

    >>> [part.tolist() for part in in_groups(np.ones(20), np.arange(20.0))][0]
    [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    """
    total = reference.sum()
    if not total:
        return reference, window
    middle = (np.cumsum(reference) - reference / 2) / total
    group = np.unique(np.minimum((middle * GROUPS).astype(int), GROUPS - 1), return_inverse=True)[1]
    grouped = [np.asarray(np.bincount(group, weights=part), np.float64) for part in (reference, window)]
    return grouped[0], grouped[1]


def conclude(decision: Decision, window: Profiles) -> Iterator[Finding]:
    """The decision on the window and its signs by feature, the guilty one first."""
    if not decision.signs:
        return
    first = decision.signs[0]
    told = [describe(sign, window) for sign in decision.signs if sign.strength > 1]
    words = "; ".join(told) or f"the strongest sign is {describe(first, window)}"
    yield Finding(DECISION, first.feature, first.strength, 1.0, not decision.alarm, f"{words}. {_basis(decision)}")
    for sign in decision.signs:
        yield Finding(STRENGTH, sign.feature, sign.strength, 1.0, detail=describe(sign, window))


def describe(sign: Sign, window: Profiles) -> str:
    """A sign in words."""
    span = "a single day" if sign.days == 1 < len(window.days) or sign.days == 1 else f"{sign.days} days"
    meaning = _MEANINGS[sign.statistic]
    names = ", ".join(window.newcomers[0].get(sign.feature, ())) if sign.statistic == "unseen" else ""
    kind = "which was always clean" if sign.contract else f"{sign.strength:.2f} times its threshold"
    return f"{sign.feature}: {meaning} {sign.value:.3f} over {span}{f' ({names})' if names else ''}, {kind}"


_MEANINGS = {
    "distance": "distance of its distribution",
    "missing": "change of the missing share",
    "unseen": "share of values never seen",
    "gap": "share of values that lie between all known ones",
    "surge": "rise of one value's share",
    "residual_mean": "shift given all other features",
    "residual_spread": "change of spread given all other features",
    "missing_share": "missing share",
    "clock": "its clock is wrong, a turn by half hours brings it nearer by",
}


def _basis(decision: Decision) -> str:
    if decision.calibrated:
        return f"Calibrated on past windows: without a change at most {STATED_RATE:.0%} of weeks alarm"
    return (
        f"Not calibrated yet: {decision.history} of {decision.needed} days of history; until then only broken "
        "contracts alarm, by fixed bounds and at no stated rate"
    )


def _range(name: str, reference: Profiles, window: Profiles) -> Finding:
    low, high, least, most = (float(part[name][0]) for part in (window.low, window.high, reference.low, reference.high))
    left = low < least or high > most
    return Finding("out_of_range", name, float(left), detail=f"[{low:g}, {high:g}] against [{least:g}, {most:g}]")
