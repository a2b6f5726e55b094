"""How far a window's features are from the days before it: numbers, none of them a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ai_patterns.core.clock_turns import clock_gains
from ai_patterns.core.daily_profiles import Profiles
from ai_patterns.core.row_batches import Floats

STATISTICS = (
    "distance",
    "missing",
    "unseen",
    "gap",
    "surge",
    "residual_mean",
    "residual_spread",
    "missing_share",
    "clock",
)
RIDGE = 1e-4

Places = NDArray[np.int64]


def window_statistics(
    profiles: Profiles, length: int, reference: int, ends: Sequence[int], clocks: Mapping[str, float]
) -> Floats:
    """Statistics of windows of `length` days against the `reference` days before each.

    Args:
        profiles: consecutive days.
        length: days of a window.
        reference: days before a window that it is compared with, fewer where there are no more.
        ends: places of the windows' last days.
        clocks: features that tell a time of day, and how many of their units a day has.

    Returns:
        `n_ends x n_features x n_statistics`, features as in `bins.features`; NaN where a statistic has no meaning.
    """
    end = np.asarray(ends) + 1
    spans = (end - length, end), (np.maximum(end - length - reference, 0), end - length)
    features = profiles.bins.features
    found = np.full((len(end), len(features), len(STATISTICS)), np.nan)
    window_rows, reference_rows = (_sums(profiles.rows[:, None], *span)[:, 0] for span in spans)
    for place, name in enumerate(features):
        window, before = (_sums(profiles.counts[name], *span) for span in spans)
        missing, missed = (_sums(profiles.missing[name][:, None], *span)[:, 0] for span in spans)
        shares = _share(window, window.sum(1)), _share(before, before.sum(1))
        numeric = name in profiles.bins.edges
        found[:, place, 0] = _distance(*shares, ordered=numeric)
        rows = np.maximum(window_rows, 1)
        found[:, place, 7] = missing / rows
        found[:, place, 1] = np.abs(missing / rows - missed / np.maximum(reference_rows, 1))
        never = np.where(before == 0, window, 0)
        found[:, place, 2] = never.sum(1) / rows
        if numeric:
            found[:, place, 3] = np.where(_inside(before), never, 0).sum(1) / rows
        rise = shares[0] - shares[1]
        # What lies beyond all that was seen is no single value: a slow feature may spend a week there.
        found[:, place, 4] = (rise[:, 1:-1] if numeric else rise).max(1, initial=0.0)
        if name in clocks:
            found[:, place, 8] = clock_gains(*shares, profiles.bins.edges[name], clocks[name])
    numbers = len(profiles.bins.edges)
    found[:, :numbers, 5:7] = residuals(*(_sums(profiles.products, *span) for span in spans))
    found[(window_rows == 0) | (reference_rows == 0)] = np.nan
    return found


def residuals(window: Floats, reference: Floats) -> Floats:
    """Shift of each numeric feature's residual given all others, in the reference's residual standard deviations.

    The residual is that of the linear regression fitted on the reference, read from the inverse of its matrix of
    products: row *j* of the inverse is proportional to the coefficients (Whittaker 1990, section 5.7).

    Args:
        window: summed products, `n x (1 + n_numeric) x (1 + n_numeric)`.
        reference: likewise, of the days before.

    Returns:
        `n x n_numeric x 2`: absolute mean, and absolute change of the logarithm of the standard deviation.
    """
    size = reference.shape[-1]
    rows = [np.maximum(part[:, :1, :1], 1) for part in (window, reference)]
    now, before = window / rows[0], reference / rows[1]
    inverse = np.linalg.inv(before + RIDGE * np.eye(size))[:, 1:, :]
    precision = np.diagonal(inverse[:, :, 1:], axis1=1, axis2=2)
    weights = inverse / np.sqrt(precision)[:, :, None]
    mean = np.einsum("tij,tj->ti", weights, now[:, :, 0])
    square = np.einsum("tij,tjk,tik->ti", weights, now, weights, optimize=True)
    spread = np.sqrt(np.maximum(square - mean**2, 1e-12))
    base = np.sqrt(np.maximum(np.einsum("tij,tjk,tik->ti", weights, before, weights, optimize=True), 1e-12))
    return np.stack([np.abs(mean) / base, np.abs(np.log(spread / base))], axis=-1)


def _sums(found: NDArray[np.generic], first: Places, after: Places) -> Floats:
    """Sums over the days from `first` to before `after`, by window."""
    running = np.concatenate([np.zeros((1, *found.shape[1:])), np.cumsum(found, axis=0)])
    return np.asarray(running[after] - running[first], np.float64)


def _share(counts: Floats, total: Floats) -> Floats:
    return counts / np.maximum(total, 1)[:, None]


def _distance(window: Floats, reference: Floats, *, ordered: bool) -> Floats:
    """Largest difference of the cumulated shares, or for categories the total variation."""
    if ordered:
        return np.asarray(np.abs(np.cumsum(window - reference, axis=1)).max(1), np.float64)
    return np.asarray(np.abs(window - reference).sum(1) / 2, np.float64)


def _inside(reference: Floats) -> NDArray[np.bool_]:
    """Bins between the first and the last that the reference holds something in."""
    filled = reference > 0
    return np.maximum.accumulate(filled, axis=1) & np.maximum.accumulate(filled[:, ::-1], axis=1)[:, ::-1]
