"""What a challenger must fulfil before it becomes the champion: gates as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ai_patterns.core.bootstrap import Estimate
from ai_patterns.spec.model import GatesSpec


@dataclass(frozen=True)
class Evidence:
    """What a gate that is a test rests on.

    Attributes:
        estimate: the figure that was tested.
        lower: lower end of its interval; the true value lies beyond it in a share `alpha` of all cases, or in half of
            that where the test has two sides.
        upper: upper end, likewise.
        p: how likely such a figure is, were the true one at the bound.
        adjusted_p: the same after Holm's correction, where the gate is one of a family; it is held against `alpha`.
        alpha: the error that is allowed.
        blocks: blocks of days that were resampled.
        rows: rows that were tested.
    """

    estimate: float
    lower: float
    upper: float
    p: float
    adjusted_p: float
    alpha: float
    blocks: int
    rows: int

    @classmethod
    def of(
        cls, estimate: Estimate, alpha: float, p: float, *, adjusted: float | None = None, sides: int = 1
    ) -> Evidence:
        """The evidence of an estimate that was tested."""
        ends = estimate.interval(alpha / sides)
        return cls(estimate.value, *ends, p, p if adjusted is None else adjusted, alpha, estimate.blocks, estimate.rows)


@dataclass(frozen=True)
class Gate:
    """One gate's verdict.

    Attributes:
        name: such as `auc min` or `compare logloss`.
        value: what was measured.
        bound: what it was held against.
        passed: the verdict.
        detail: the same in words.
        evidence: the test behind it, where it is one.
    """

    name: str
    value: float
    bound: float
    passed: bool
    detail: str
    evidence: Evidence | None = None


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
