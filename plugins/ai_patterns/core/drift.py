"""Drift of a window against the reference before it, with alarms that can be believed.

Distances (PSI and others) are reported and never raise an alarm: on real data the weeks of one season
already differ by more than any usual bound. An alarm is a broken *contract*: a column that was clean in
every part of the reference is missing, stuck on one value, or holds categories never seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ai_patterns.core.daily_profiles import Profile, merge
from ai_patterns.core.divergence import chi_square, jensen_shannon, kolmogorov_smirnov, psi
from ai_patterns.spec.model import MonitoringSpec

CLEAN = 0.5
"""A column is clean while no part of the reference reached this part of the bound."""


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


def judge(feature: str, reference: Sequence[Profile], window: Profile, bounds: MonitoringSpec) -> list[Finding]:
    """Compare a feature's window with its reference.

    Args:
        feature: its name.
        reference: the reference in parts as long as the window, at least one.
        window: the profile that is judged.
        bounds: what counts as an alarm.
    """
    whole = merge(reference)
    if not whole.rows or not window.rows:
        return []
    return [*_distances(feature, whole, window, bounds), *_contract(feature, reference, window, bounds)]


def missing_increase(reference: Profile, window: Profile) -> float:
    """Rise of the share of rows without a value; negative where it fell."""
    return window.missing_share - reference.missing_share


def unseen_share(reference: Profile, window: Profile) -> float:
    """Share of rows whose category the reference never held.

    >>> unseen_share(Profile(2, counts={"a": 2}), Profile(4, counts={"a": 3, "b": 1}))
    0.25
    """
    unseen = sum(count for value, count in window.counts.items() if not reference.counts.get(value))
    return unseen / window.rows if window.rows else 0.0


def paired_counts(reference: Profile, window: Profile) -> tuple[list[int], list[int]]:
    """Counts of both over the same bins: the numeric bins, or all categories in order."""
    if reference.numeric or window.numeric:
        width = max(len(reference.bins), len(window.bins))
        return list(reference.bins) or [0] * width, list(window.bins) or [0] * width
    values = sorted({*reference.counts, *window.counts})
    return [reference.counts.get(value, 0) for value in values], [window.counts.get(value, 0) for value in values]


def _distances(feature: str, reference: Profile, window: Profile, bounds: MonitoringSpec) -> Iterator[Finding]:
    pair = paired_counts(reference, window)
    index = psi(*pair)
    note = "above its bound: worth a look, no alarm by itself" if index > bounds.max_psi else ""
    yield Finding("psi", feature, index, bounds.max_psi, True, note)
    yield Finding("jensen_shannon", feature, jensen_shannon(*pair))
    if window.numeric:
        yield Finding("kolmogorov_smirnov", feature, kolmogorov_smirnov(*pair))
        yield Finding("out_of_range", feature, float(_left_range(reference, window)), detail=_range(reference, window))
    else:
        yield Finding("chi_square", feature, chi_square(*pair))


def _contract(feature: str, parts: Sequence[Profile], window: Profile, bounds: MonitoringSpec) -> Iterator[Finding]:
    whole = merge(parts)
    # Each part against all others: what the reference would have said about itself.
    others = _leave_one_out(parts)
    past = max(missing_increase(rest, part) for rest, part in zip(others, parts, strict=True))
    missing = Finding("missing_increase", feature, missing_increase(whole, window), bounds.max_missing_increase)
    yield _promise(missing, past, "rise of the missing share")
    if window.numeric:
        past = max(part.frequent_share for part in parts)
        stuck = Finding("stuck_share", feature, window.frequent_share, bounds.max_stuck_share)
        yield _promise(stuck, past, f"share of the one value {_most_frequent(window)}")
    else:
        past = max(unseen_share(rest, part) for rest, part in zip(others, parts, strict=True))
        unseen = Finding("unseen_share", feature, unseen_share(whole, window), bounds.max_unseen_share)
        yield _promise(unseen, past, f"share of categories never seen: {', '.join(_unseen(whole, window)) or 'none'}")


def _leave_one_out(parts: Sequence[Profile]) -> list[Profile]:
    """For each part the profile of all others; a part that stands alone is its own."""
    if len(parts) == 1:
        return list(parts)
    return [merge([*parts[:number], *parts[number + 1 :]]) for number in range(len(parts))]


def _promise(finding: Finding, past: float, meaning: str) -> Finding:
    """Alarm where the bound is broken, if the column was clean in the past."""
    bound = finding.bound or 0.0
    if finding.value <= bound:
        return replace(finding, detail=meaning)
    if past > bound * CLEAN:
        return replace(finding, detail=f"{meaning}; no alarm: the reference itself had {past:.3f}")
    return replace(finding, detail=meaning, passed=False)


def _unseen(reference: Profile, window: Profile) -> list[str]:
    unseen: Mapping[str, int] = {
        value: count for value, count in window.counts.items() if value not in reference.counts
    }
    return sorted(unseen, key=lambda value: (-unseen[value], value))[:5]


def _most_frequent(profile: Profile) -> str:
    counts = profile.counts
    return f"{max(counts, key=lambda value: (counts[value], -value)):g}" if counts else "(none)"


def _left_range(reference: Profile, window: Profile) -> bool:
    if None in (reference.minimum, reference.maximum, window.minimum, window.maximum):
        return False
    return bool(window.minimum < reference.minimum or window.maximum > reference.maximum)  # type: ignore[operator]


def _range(reference: Profile, window: Profile) -> str:
    return f"[{window.minimum}, {window.maximum}] against [{reference.minimum}, {reference.maximum}]"
