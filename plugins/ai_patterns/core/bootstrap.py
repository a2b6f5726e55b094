"""Block bootstrap of metrics, on sums and sorted scores: a thousand resamples take a moment.

Whole blocks, such as days, are drawn with replacement (Efron and Tibshirani 1993, 8.6), since rows of one day share
their weather.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ai_patterns.core.metrics import BINS, METRICS, Vector, worse_by
from ai_patterns.spec.model import Metric

RESAMPLES = 1000

Statistic = Metric | Literal["bias"]
"""A metric, or the mean of prediction minus truth."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its standard error; its distribution is taken as Student's t on one degree less than the blocks.

    The ends of a percentile interval lie too near to each other where blocks are few (Efron and Tibshirani 1993, 22.5).

    Attributes:
        value: the figure on all rows.
        error: its standard error by the bootstrap; NaN where it cannot be told.
        blocks: blocks that hold rows.
        rows: number of rows.
    """

    value: float
    error: float
    blocks: int
    rows: int

    @property
    def defined(self) -> bool:
        """Whether value and error are known: there are two blocks, and the metric is defined on them."""
        return math.isfinite(self.value) and math.isfinite(self.error) and self.blocks > 1

    def interval(self, alpha: float) -> tuple[float, float]:
        """Lower and upper end; each is passed by the true value in a share `alpha` of all cases.

        >>> lower, upper = Estimate(0.0, 1.0, 14, 100).interval(0.05)
        >>> round(lower, 3), round(upper, 3)
        (-1.771, 1.771)
        """
        from scipy.special import stdtrit

        if not self.defined:
            return math.nan, math.nan
        reach = float(stdtrit(self.blocks - 1, 1 - alpha)) * self.error
        return self.value - reach, self.value + reach

    def p_above(self, bound: float) -> float:
        """P of a figure as large as this one, were the true one `bound`; 1 where nothing can be told.

        >>> round(Estimate(2.0, 1.0, 14, 100).p_above(0.0), 3), Estimate(0.0, 0.0, 14, 100).p_above(0.0)
        (0.033, 1.0)
        """
        return self._tail(self.value - bound)

    def p_below(self, bound: float) -> float:
        """P of a figure as small as this one, were the true one `bound`; 1 where nothing can be told."""
        return self._tail(bound - self.value)

    def _tail(self, beyond: float) -> float:
        from scipy.special import stdtr

        if not self.defined:
            return 1.0
        if self.error == 0:
            return 0.0 if beyond > 0 else 1.0
        return float(stdtr(self.blocks - 1, -beyond / self.error))


class BlockBootstrap:
    """The same resamples for every statistic of some rows, so that differences are paired.

    Args:
        truth: n_rows labels.
        blocks: the block of each row; rows of one block are drawn together.
        seed: the same rows and seed give the same figures.
    """

    def __init__(self, truth: Vector, blocks: NDArray[Any], seed: int = 0) -> None:
        self._truth = truth
        _, self._block = np.unique(blocks, return_inverse=True)
        self._blocks = int(self._block.max()) + 1 if len(blocks) else 0
        draws = np.random.default_rng(seed).multinomial(self._blocks, [1 / self._blocks] * self._blocks, RESAMPLES)
        self._draws = draws.astype(np.int64)

    def estimate(self, statistic: Statistic, predicted: Vector, chosen: NDArray[np.bool_] | None = None) -> Estimate:
        """One statistic of some predictions, on all rows or on the `chosen` ones."""
        rows = self._rows(chosen)
        values = self._values(statistic, rows, predicted)
        return self._estimate(_on_all(statistic, self._truth[rows], predicted[rows]), values, rows)

    def worse_by(
        self, metric: Metric, first: Vector, second: Vector, chosen: NDArray[np.bool_] | None = None
    ) -> Estimate:
        """How much worse the first predictions are than the second, by the metric, on the same rows.

        >>> truth, days = np.array([0.0, 1.0] * 4), np.repeat([1, 2, 3, 4], 2)
        >>> BlockBootstrap(truth, days).worse_by("brier", np.full(8, 0.5), truth)
        Estimate(value=0.25, error=0.0, blocks=4, rows=8)
        """
        rows = self._rows(chosen)
        pair = [_on_all(metric, self._truth[rows], side[rows]) for side in (first, second)]
        sides = [self._values(metric, rows, side) for side in (first, second)]
        sign = worse_by(metric, 1.0, 0.0)
        return self._estimate(worse_by(metric, *pair), sign * (sides[0] - sides[1]), rows)

    def _rows(self, chosen: NDArray[np.bool_] | None) -> NDArray[np.intp]:
        return np.arange(len(self._truth)) if chosen is None else np.flatnonzero(chosen)

    def _estimate(self, value: float, values: Vector, rows: NDArray[np.intp]) -> Estimate:
        blocks = len(np.unique(self._block[rows]))
        defined = values[np.isfinite(values)]
        if len(defined) < RESAMPLES / 2 or blocks < 2:
            return Estimate(value, math.nan, blocks, len(rows))
        # The variance of n drawn blocks is (n - 1) / n of the blocks' own (Efron and Tibshirani 1993, 5.2).
        return Estimate(value, float(defined.std() * math.sqrt(blocks / (blocks - 1))), blocks, len(rows))

    def _values(self, statistic: Statistic, rows: NDArray[np.intp], predicted: Vector) -> Vector:
        truth, score, block = self._truth[rows], predicted[rows], self._block[rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            if statistic == "auc":
                return self._auc(truth, score, block)
            if statistic == "ece":
                return self._ece(truth, score, block)
            columns = _SUMS[statistic](truth, score)
            sums = [np.bincount(block, column, self._blocks) for column in (np.ones(len(rows)), *columns)]
            return np.asarray(_FROM_SUMS.get(statistic, _ratio)(*(self._draws @ part for part in sums)))

    def _auc(self, truth: Vector, score: Vector, block: NDArray[np.intp]) -> Vector:
        draws = self._draws.astype(np.float64)
        positives, negatives = (draws @ np.bincount(block, part, self._blocks) for part in (truth, 1 - truth))
        wins = ((draws @ _wins(truth, score, block, self._blocks)) * draws).sum(axis=1)
        return np.asarray(wins / (positives * negatives))

    def _ece(self, truth: Vector, score: Vector, block: NDArray[np.intp]) -> Vector:
        """The bins hold equally many rows of each resample."""
        order = np.argsort(score, kind="stable")
        gap, block = (truth - score)[order], block[order]
        drawn = (np.repeat(gap, draw[block]) for draw in self._draws)
        return np.array([sum(abs(part.sum()) for part in np.array_split(rows, BINS)) / len(rows) for rows in drawn])


def _on_all(statistic: Statistic, truth: Vector, predicted: Vector) -> float:
    if statistic == "bias":
        return float((predicted - truth).mean()) if len(truth) else math.nan
    return METRICS[statistic](truth, predicted)


def _logloss(truth: Vector, score: Vector) -> Vector:
    step = float(np.finfo(np.float32).eps)
    clipped = np.clip(score, step, 1 - step)
    return -np.where(truth > 0, np.log(clipped), np.log1p(-clipped))


def _ratio(rows: Vector, total: Vector) -> Vector:
    return total / rows


def _r2(rows: Vector, squares: Vector, total: Vector, spread: Vector) -> Vector:
    left: Vector = 1 - squares / (spread - total**2 / rows)
    return left


def _wins(truth: Vector, score: Vector, block: NDArray[np.intp], blocks: int) -> Vector:
    """Pairs of a positive of block i and a negative of block j in which the positive is ahead, ties as halves."""
    positive, wins = truth > 0, np.zeros((blocks, blocks))
    for of_negatives in range(blocks):
        negatives = np.sort(score[~positive & (block == of_negatives)])
        ahead = sum(np.searchsorted(negatives, score[positive], side) for side in ("left", "right")) / 2
        wins[:, of_negatives] = np.bincount(block[positive], ahead, blocks)
    return wins


_SUMS: Mapping[str, Callable[[Vector, Vector], tuple[Vector, ...]]] = {
    "brier": lambda truth, score: ((score - truth) ** 2,),
    "logloss": lambda truth, score: (_logloss(truth, score),),
    "mae": lambda truth, score: (np.abs(score - truth),),
    "rmse": lambda truth, score: ((score - truth) ** 2,),
    "bias": lambda truth, score: (score - truth,),
    "r2": lambda truth, score: ((score - truth) ** 2, truth, truth**2),
}
_FROM_SUMS: Mapping[str, Callable[..., Vector]] = {
    "rmse": lambda rows, squares: np.sqrt(squares / rows),
    "r2": _r2,
}
