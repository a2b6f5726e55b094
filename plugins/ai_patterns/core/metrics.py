"""Metrics of predictions, on NumPy alone: what is undefined is NaN, never an exception.

Throughout, `truth` holds 0 and 1 (classification) or values (regression), `predicted` holds P(positive) or
values; both have shape `n_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ai_patterns.spec.model import HIGHER_IS_BETTER, OF_TASK, Metric, Task

Vector = NDArray[np.float64]

BINS = 15
"""Number of calibration bins (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 3)."""


def auc(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic on midranks (Hanley and McNeil 1982, section 3).

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> auc([1, 1], [0.2, 0.3])
    nan
    """
    actual, score = _pair(truth, predicted)
    positives = float(actual.sum())
    negatives = len(actual) - positives
    if not positives or not negatives:
        return float("nan")
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    midranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(midranks[place] @ actual)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def brier(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean squared error of a probability (Brier 1950).

    >>> brier([0, 1], [0.0, 0.5])
    0.125
    """
    actual, score = _pair(truth, predicted)
    return _mean((score - actual) ** 2)


def logloss(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean negative log likelihood in nats (Good 1952); probabilities are kept one float32 step off 0 and 1.

    >>> round(logloss([0, 1], [0.5, 0.5]), 6)
    0.693147
    """
    actual, score = _pair(truth, predicted)
    step = float(np.finfo(np.float32).eps)
    score = np.clip(score, step, 1 - step)
    return _mean(-np.where(actual > 0, np.log(score), np.log1p(-score)))


def ece(truth: ArrayLike, predicted: ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass (Naeini et al. 2015, section 4; 15 bins as in Guo 2017).

    Bins of equal mass hold equally many rows, so that none is noise; equal predictions may lie in two bins.

    >>> ece([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], bins=1)
    0.0
    """
    curve = calibration_curve(truth, predicted, bins)
    rows = sum(point["rows"] for point in curve)
    return (
        sum(point["rows"] * abs(point["observed"] - point["predicted"]) for point in curve) / rows if rows else np.nan
    )


def calibration_curve(truth: ArrayLike, predicted: ArrayLike, bins: int = BINS) -> list[dict[str, float]]:
    """Mean prediction, observed rate and number of rows of each bin of equal mass, from low to high.

    >>> calibration_curve([0, 1], [0.2, 0.9], bins=2)
    [{'predicted': 0.2, 'observed': 0.0, 'rows': 1}, {'predicted': 0.9, 'observed': 1.0, 'rows': 1}]
    """
    actual, score = _pair(truth, predicted)
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [
        {"predicted": float(score[part].mean()), "observed": float(actual[part].mean()), "rows": len(part)}
        for part in parts
    ]


def rmse(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Root of the mean squared error, in the label's unit.

    >>> rmse([0, 0], [3, 3])
    3.0
    """
    return float(np.sqrt(brier(truth, predicted)))


def mae(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error, in the label's unit.

    >>> mae([0, 0], [1, -3])
    2.0
    """
    actual, score = _pair(truth, predicted)
    return _mean(np.abs(score - actual))


def r2(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share of the label's variance that the prediction explains; NaN where the label does not vary.

    >>> r2([1, 2, 3], [1, 2, 3])
    1.0
    """
    actual, score = _pair(truth, predicted)
    spread = float(((actual - actual.mean()) ** 2).sum()) if len(actual) else 0.0
    return 1 - float(((score - actual) ** 2).sum()) / spread if spread else float("nan")


METRICS: Mapping[Metric, Callable[[Any, Any], float]] = {
    "auc": auc,
    "brier": brier,
    "ece": ece,
    "logloss": logloss,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
}


def measure(task: Task, truth: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Every metric of the task.

    >>> measure("regression", [1, 2, 3], [1, 2, 3])
    {'rmse': 0.0, 'mae': 0.0, 'r2': 1.0}
    """
    return {name: METRICS[name](truth, predicted) for name in OF_TASK[task]}


def worse_by(metric: Metric, value: float, other: float) -> float:
    """How much worse `value` is than `other`; negative where it is better.

    >>> worse_by("brier", 0.25, 0.125), worse_by("auc", 0.75, 0.5)
    (0.125, -0.25)
    """
    return other - value if metric in HIGHER_IS_BETTER else value - other


def _pair(truth: ArrayLike, predicted: ArrayLike) -> tuple[Vector, Vector]:
    return np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)


def _mean(values: Vector) -> float:
    return float(values.mean()) if len(values) else float("nan")
