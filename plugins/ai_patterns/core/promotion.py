"""What a challenger must fulfil before it becomes the champion: gates as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ai_patterns.core.metrics import METRICS, Vector, worse_by
from ai_patterns.spec.model import GatesSpec, Metric

RESAMPLES = 500
CONFIDENCE = 0.95
"""One-sided: the chance that a challenger worse than the tolerance passes is about 5%."""


@dataclass(frozen=True)
class Gate:
    """One gate's verdict.

    Attributes:
        name: such as `auc min` or `compare logloss`.
        value: what was measured.
        bound: what it was held against.
        passed: the verdict.
        detail: the same in words.
    """

    name: str
    value: float
    bound: float
    passed: bool
    detail: str


@dataclass(frozen=True)
class Review:
    """All gates of one version.

    Attributes:
        version: the version under review.
        champion: the version it was compared with, None where there is none.
        gates: the verdicts.
        metrics: the version's metrics on the evaluation rows.
    """

    version: int
    champion: int | None
    gates: tuple[Gate, ...]
    metrics: Mapping[str, float]

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def reasons(self) -> list[str]:
        """In words, why it did not pass."""
        return [gate.detail for gate in self.gates if not gate.passed]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the ledger's evidence."""
        return {**asdict(self), "gates": [asdict(gate) for gate in self.gates], "passed": self.passed}


def absolute_gates(spec: GatesSpec, metrics: Mapping[str, float]) -> list[Gate]:
    """Hold the metrics against the absolute bounds; an undefined metric fails.

    >>> spec = GatesSpec(compare="auc", absolute={"auc": {"min": 0.7}})
    >>> [gate.passed for gate in absolute_gates(spec, {"auc": 0.71})]
    [True]
    >>> absolute_gates(spec, {"auc": 0.5})[0].detail
    'auc is 0.5, at least 0.7 is required'
    """
    gates = []
    for metric, bound in spec.absolute.items():
        value = metrics.get(metric, float("nan"))
        if bound.min is not None:
            detail = f"{metric} is {value:.4g}, at least {bound.min:g} is required"
            gates.append(Gate(f"{metric} min", value, bound.min, value >= bound.min, detail))
        if bound.max is not None:
            detail = f"{metric} is {value:.4g}, at most {bound.max:g} is allowed"
            gates.append(Gate(f"{metric} max", value, bound.max, value <= bound.max, detail))
    return gates


def difference_gate(spec: GatesSpec, difference: float) -> Gate:
    """The ONNX model must predict what the trained estimator predicts."""
    bound = spec.onnx_difference
    detail = f"ONNX and scikit-learn predictions differ by {difference:.3g}, at most {bound:g} is allowed"
    return Gate("onnx difference", difference, bound, difference <= bound, detail)


def schema_gate(expected: Sequence[str], found: Sequence[str]) -> Gate:
    """The model must read the columns that the spec declares, in their order.

    >>> schema_gate(["a", "b"], ["a"]).detail
    'the model reads 1 columns and the spec declares 2; absent: b'
    """
    absent, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    parts = [f"the model reads {len(found)} columns and the spec declares {len(expected)}"]
    parts += [f"{title}: {', '.join(names)}" for title, names in (("absent", absent), ("unknown", extra)) if names]
    passed = list(expected) == list(found)
    if not passed and not absent and not extra:
        parts.append("their order differs")
    return Gate("schema", len(absent) + len(extra), 0, passed, "; ".join(parts))


def comparison_gate(
    spec: GatesSpec, truth: ArrayLike, challenger: ArrayLike, champion: ArrayLike, blocks: NDArray[Any]
) -> Gate:
    """Test that the challenger is not worse than the champion by more than the tolerance, on the same rows.

    A test of non-inferiority: the upper end of the one-sided interval of "worse by" must lie within the tolerance,
    so that the burden of proof lies with the challenger.

    Args:
        spec: names the metric and the tolerance.
        truth: n_rows labels.
        challenger: n_rows predictions of the challenger.
        champion: n_rows predictions of the champion.
        blocks: the day of each row; rows of one day are resampled together.
    """
    pair = (np.asarray(challenger, np.float64), np.asarray(champion, np.float64))
    lower, middle, upper = worse_by_interval(spec.compare, np.asarray(truth, np.float64), pair, blocks)
    detail = (
        f"{spec.compare} is worse than the champion's by {middle:+.4g} (interval {lower:+.4g} to {upper:+.4g}), "
        f"at most {spec.tolerance:g} is allowed at its upper end"
    )
    return Gate(f"compare {spec.compare}", upper, spec.tolerance, upper <= spec.tolerance, detail)


def worse_by_interval(
    metric: Metric, truth: Vector, predictions: tuple[Vector, Vector], blocks: NDArray[Any], seed: int = 0
) -> tuple[float, float, float]:
    """How much worse the first predictions are than the second: lower end, estimate, upper end.

    A paired block bootstrap: whole days are drawn with replacement (Efron and Tibshirani 1993, 8.6), since rows of
    one day share their weather. Resamples on which the metric is undefined are left out.

    >>> truth, days = np.array([0.0, 1.0] * 4), np.repeat([1, 2, 3, 4], 2)
    >>> worse_by_interval("brier", truth, (np.full(8, 0.5), truth), days)
    (0.25, 0.25, 0.25)
    """
    first, second = predictions
    score = METRICS[metric]
    groups = [np.flatnonzero(blocks == block) for block in np.unique(blocks)]
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([groups[place] for place in generator.integers(0, len(groups), len(groups))])
        values.append(worse_by(metric, score(truth[rows], first[rows]), score(truth[rows], second[rows])))
    defined = np.asarray(values)[~np.isnan(values)]
    estimate = worse_by(metric, score(truth, first), score(truth, second))
    if not len(defined):
        return float("nan"), estimate, float("nan")
    lower, upper = np.quantile(defined, [1 - CONFIDENCE, CONFIDENCE])
    return float(lower), estimate, float(upper)
