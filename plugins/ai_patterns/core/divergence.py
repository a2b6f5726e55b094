"""Distances between two histograms over the same bins.

Each takes counts of the reference and of the window, `n_bins` each. All are symmetric but for PSI's
smoothing, and 0 where the two shares agree.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-4
"""Share that stands for an empty bin in PSI, whose logarithm has no value at 0."""

Counts = Sequence[int] | Sequence[float] | NDArray[np.float64]


def psi(reference: Counts, window: Counts) -> float:
    """Population stability index: sum of (w - r) ln(w / r) over the bins' shares.

    The same sum as the Jeffreys divergence (Kullback and Leibler 1951); empty bins count as `FLOOR`.

    >>> psi([50, 50], [50, 50]), round(psi([50, 50], [60, 40]), 4)
    (0.0, 0.0405)
    """
    r, w = (np.maximum(_shares(counts), FLOOR) for counts in (reference, window))
    return float(np.sum((w - r) * np.log(w / r)))


def jensen_shannon(reference: Counts, window: Counts) -> float:
    """Jensen-Shannon distance in base 2, from 0 (equal) to 1 (disjoint) (Lin 1991).

    >>> jensen_shannon([1, 0], [0, 1])
    1.0
    """
    r, w = _shares(reference), _shares(window)
    middle = (r + w) / 2
    divergence = (_entropy_to(r, middle) + _entropy_to(w, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def kolmogorov_smirnov(reference: Counts, window: Counts) -> float:
    """Largest difference of the two cumulative shares, the two-sample KS statistic over ordered bins.

    >>> round(kolmogorov_smirnov([2, 2, 0], [0, 2, 2]), 2)
    0.5
    """
    difference = np.cumsum(_shares(reference)) - np.cumsum(_shares(window))
    return float(np.max(np.abs(difference), initial=0.0))


def total_variation(reference: Counts, window: Counts) -> float:
    """Half the sum of the shares' absolute differences, from 0 (equal) to 1 (disjoint).

    >>> total_variation([1, 1], [2, 0])
    0.5
    """
    return float(np.abs(_shares(reference) - _shares(window)).sum() / 2)


def chi_square(reference: Counts, window: Counts) -> float:
    """Pearson's chi-square statistic of homogeneity, without a continuity correction; degrees: used bins - 1.

    >>> chi_square([10, 20], [20, 10])
    6.666666666666667
    """
    table = np.asarray([reference, window], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    total = table.sum()
    if total == 0 or not table.sum(axis=1).all():
        return 0.0
    expected = table.sum(axis=1, keepdims=True) @ table.sum(axis=0, keepdims=True) / total
    return float(np.sum((table - expected) ** 2 / expected))


def _shares(counts: Counts) -> NDArray[np.float64]:
    values = np.asarray(counts, dtype=np.float64)
    total = values.sum()
    return values / total if total else values


def _entropy_to(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    used = p > 0
    return float(np.sum(p[used] * np.log2(p[used] / q[used])))
