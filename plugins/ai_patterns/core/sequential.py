"""Bounds on a share that hold at every look at once, however often and whenever one looks."""

from __future__ import annotations

import math
from collections.abc import Callable

_HALVINGS = 50


def bounds(successes: int, trials: int, alpha: float) -> tuple[float, float]:
    """Lower and upper bound of a probability: over all looks together, they miss it with probability `alpha` at most.

    The likelihood of the counts, mixed over all shares by Jeffreys' prior and divided by that of the true share, is a
    nonnegative martingale that starts at 1, so it ever reaches `1 / alpha` with probability `alpha` at most (Ville
    1939; Robbins 1970, "Statistical Methods Related to the Law of the Iterated Logarithm"). The bounds enclose the
    shares for which it has not.

    Args:
        successes: how often it happened.
        trials: of how many.
        alpha: in (0, 1).

    >>> [round(bound, 3) for bound in bounds(20, 1000, 0.05)], bounds(0, 0, 0.05)
    ([0.008, 0.041], (0.0, 1.0))
    """
    if not trials:
        return 0.0, 1.0
    failures = trials - successes
    mixed = _log_beta(successes + 0.5, failures + 0.5) - math.log(math.pi)

    def rejected(share: float) -> bool:
        likelihood = successes * math.log(share) + failures * math.log1p(-share)
        return mixed - likelihood >= -math.log(alpha)

    middle = successes / trials
    lower = _search(rejected, 0.0, middle) if successes else 0.0
    upper = _search(rejected, 1.0, middle) if failures else 1.0
    return lower, upper


def _search(rejected: Callable[[float], bool], outside: float, inside: float) -> float:
    """The bound between a share that is rejected and one that is not."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        if rejected(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _log_beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)
