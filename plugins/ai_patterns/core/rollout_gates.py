"""Whether a new version goes on, is held or is rolled back, from what was counted of it and of the champion.

Rolled back is where harm beyond a limit is proven: the tests are bounds that hold at every look (`core.sequential`),
each at its part of `alpha` (Bonferroni over steps, limits and what a limit compares), so a version within the limits
is rolled back by proof in at most `alpha` of all rollouts, however often one looks. Gone on is where enough was seen
and nothing seen lies beyond a limit. Whatever is between is held until the step has lasted too long.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from ai_patterns.core.rollout_counts import LATENCY_EDGES, Counts
from ai_patterns.core.sequential import bounds
from ai_patterns.spec.rollout import HoldSpec, RolloutSpec

Decision = Literal["go_on", "hold", "roll_back"]

_QUANTILE = 0.99


@dataclass(frozen=True)
class Check:
    """One limit.

    Attributes:
        name: the limit's field in the spec.
        estimate: the harm as seen.
        proven: the least that it is.
        limit: what is allowed.
        detail: all that in words.
    """

    name: str
    estimate: float
    proven: float
    limit: float
    detail: str

    @property
    def state(self) -> Literal["kept", "beyond", "broken"]:
        """`broken` where harm beyond the limit is proven, `beyond` where it is seen, else `kept`."""
        if self.proven > self.limit:
            return "broken"
        return "beyond" if self.estimate > self.limit else "kept"


@dataclass(frozen=True)
class Verdict:
    """What follows from one look.

    Attributes:
        decision: what to do.
        reason: why, in words.
        checks: the limits.
        scored: requests that the new version has scored in this step.
        seconds: how long the step has lasted.
        alpha: the error of each check alone.
    """

    decision: Decision
    reason: str
    checks: tuple[Check, ...]
    scored: int
    seconds: float
    alpha: float


def decide(spec: RolloutSpec, step: int, counts: Counts | None, seconds: float) -> Verdict:
    """Judge a step.

    Args:
        spec: the rollout.
        step: its number, 0 for the shadow.
        counts: what was counted since the step began; None where no server tells.
        seconds: how long it has lasted.
    """
    hold, alpha = spec.steps[step][1], spec.alpha / len(spec.steps) / 3
    checks = _checks(spec, counts, alpha) if counts else ()
    scored = sum(counts.challenger.latency) if counts else 0
    decision, reason = _judge(hold, counts, checks, scored, seconds)
    return Verdict(decision, reason, checks, scored, seconds, alpha)


def _judge(
    hold: HoldSpec, counts: Counts | None, checks: Sequence[Check], scored: int, seconds: float
) -> tuple[Decision, str]:
    broken = [check.detail for check in checks if check.state == "broken"]
    beyond = [check.detail for check in checks if check.state == "beyond"]
    if counts and counts.refused:
        return "roll_back", "a server could not load it"
    if broken:
        return "roll_back", "; ".join(broken)
    missing = _missing(hold, counts, scored, seconds) or "; ".join(beyond)
    if not missing:
        return "go_on", f"{scored} requests in {seconds:.0f} s, nothing beyond a limit"
    if seconds > hold.at_most.total_seconds():
        return "roll_back", f"the step has lasted {seconds:.0f} s and could not go on: {missing}"
    return "hold", missing


def _missing(hold: HoldSpec, counts: Counts | None, scored: int, seconds: float) -> str:
    if counts is None:
        return "no server tells its counts"
    if scored < hold.requests:
        return f"{scored} of {hold.requests} requests"
    least = hold.duration.total_seconds()
    return f"{seconds:.0f} of {least:.0f} s" if seconds < least else ""


def _checks(spec: RolloutSpec, counts: Counts, alpha: float) -> tuple[Check, ...]:
    limits = spec.limits
    return (
        _error_check(counts, limits.error_rate, alpha),
        _latency_check(counts, limits.p99_ratio, alpha),
        _shift_check(counts, limits.prediction_shift, alpha),
    )


def _error_check(counts: Counts, limit: float, alpha: float) -> Check:
    new, old = counts.challenger, counts.champion
    rates = [side.errors / max(side.requests, 1) for side in (new, old)]
    proven = bounds(new.errors, new.requests, alpha / 2)[0] - bounds(old.errors, old.requests, alpha / 2)[1]
    detail = (
        f"{new.errors} of {new.requests} requests failed, {old.errors} of {old.requests} of the champion's; "
        f"at least {max(proven, 0):.3g} more is proven, {limit:g} is allowed"
    )
    return Check("error_rate", rates[0] - rates[1], max(proven, 0.0), limit, detail)


def _latency_check(counts: Counts, limit: float, alpha: float) -> Check:
    low, new, _ = p99_bounds(counts.challenger.latency, alpha / 2)
    _, old, high = p99_bounds(counts.champion.latency, alpha / 2)
    estimate, proven = (new / old if old else 0.0), low / high
    detail = (
        f"p99 is {new * 1e3:.3g} ms, the champion's {old * 1e3:.3g} ms; at least {proven:.3g} times as long is proven, "
        f"{limit:g} times is allowed"
    )
    return Check("p99_ratio", estimate, proven, limit, detail)


def _shift_check(counts: Counts, limit: float, alpha: float) -> Check:
    """The distance, and the most that is proven of it at any bound between bins (Bonferroni over the bounds)."""
    pairs, both = counts.pairs, [*zip(counts.rose, counts.fell, strict=True)]
    each = alpha / (2 * len(both))
    estimate = max(abs(rose - fell) for rose, fell in both) / max(pairs, 1)
    proven = max(_proven_shift(rose, fell, pairs, each) for rose, fell in both)
    seen = f"the scores of {pairs} requests lie {estimate:.3g} apart"
    detail = f"{seen}; at least {proven:.3g} is proven, {limit:g} is allowed"
    return Check("prediction_shift", estimate, proven, limit, detail)


def _proven_shift(rose: int, fell: int, pairs: int, alpha: float) -> float:
    up, down = bounds(rose, pairs, alpha), bounds(fell, pairs, alpha)
    return max(up[0] - down[1], down[0] - up[1], 0.0)


def p99_bounds(latency: Sequence[int], alpha: float) -> tuple[float, float, float]:
    """Lower bound, estimate and upper bound (infinite where nothing is proven) of the 99th percentile, in seconds.

    A share below a value is bounded at the true percentile alone, and the shares are monotone, so the two bounds need
    no correction for the many values (Howard and Ramdas 2022, "Sequential Estimation of Quantiles").

    >>> p99_bounds([0] * 88 + [0], 0.05)
    (0.0, 0.0, inf)
    """
    total, below = sum(latency), [*accumulate(latency)][:-1]
    if not total:
        return 0.0, 0.0, math.inf

    def first(holds: Callable[[int], bool]) -> int:
        """The first edge for which something holds that then holds for all above; one past the last where for none."""
        return bisect_left(below, True, key=holds)

    lowest = first(lambda under: bounds(total - under, total, alpha)[0] <= 1 - _QUANTILE)
    middle = first(lambda under: under >= _QUANTILE * total)
    highest = first(lambda under: bounds(under, total, alpha)[0] >= _QUANTILE)
    edges = (0.0, *LATENCY_EDGES, math.inf)
    return edges[lowest], edges[middle + 1], edges[highest + 1]
