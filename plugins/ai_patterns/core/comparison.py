"""Gates that are tests: a challenger against the champion, against harm, and against its own bias."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_patterns.core.bootstrap import BlockBootstrap, Estimate
from ai_patterns.core.metrics import Vector
from ai_patterns.core.multiplicity import holm
from ai_patterns.core.promotion import Evidence, Gate
from ai_patterns.spec.model import FairnessSpec, GatesSpec, Metric

Slices = Mapping[str, NDArray[np.bool_]]
"""`column=value` -> which rows are in it."""


@dataclass(frozen=True)
class Trial:
    """What the tests are made on; all vectors have `n_rows`.

    Attributes:
        truth: labels.
        challenger: its predictions.
        champion: the champion's, None where there is none to compare with.
        blocks: the block of days of each row; rows of one block are resampled together.
        slices: the slices of the fairness gate.
    """

    truth: Vector
    challenger: Vector
    champion: Vector | None
    blocks: NDArray[Any]
    slices: Slices


@dataclass(frozen=True)
class _Harm:
    """One test for harm, before it is put right for the others."""

    name: str
    estimate: Estimate
    bound: float
    p: float
    words: str


def evidence_gates(spec: GatesSpec, trial: Trial) -> list[Gate]:
    """Every gate that is a test: comparison, calibration, and the family of tests for harm."""
    bootstrap = BlockBootstrap(trial.truth, trial.blocks)
    gates = []
    if trial.champion is not None:
        worse = bootstrap.worse_by(spec.compare, trial.challenger, trial.champion)
        gates.append(comparison_gate(spec, worse))
    if spec.max_ece is not None:
        gates.append(calibration_gate(spec, bootstrap.estimate("ece", trial.challenger), spec.max_ece))
    return gates + harm_gates(spec.alpha, [*_harms(spec, trial, bootstrap)])


def comparison_gate(spec: GatesSpec, worse: Estimate) -> Gate:
    """Test that the challenger is better than the champion, or not worse by more than the tolerance.

    The burden of proof lies with the challenger: the upper end of "worse by" must lie within the bound. "Better" is a
    test of two sides: a challenger of the same skill seems better in half of `alpha` where blocks are independent, and
    the other half is a reserve for days that resemble their neighbours.

    >>> spec = GatesSpec(compare="brier", mode="better")
    >>> comparison_gate(spec, Estimate(-0.02, 0.005, 14, 900)).passed
    True
    >>> print(comparison_gate(spec, Estimate(-0.001, 0.005, 14, 900)).detail)
    brier is worse than the champion's by -0.001 (interval -0.0118 to +0.009802, p 0.845); it must be better
    """
    better = spec.mode == "better"
    bound, sides = (0.0, 2) if better else (spec.tolerance, 1)
    p = min(1.0, sides * worse.p_below(bound))
    lower, upper = worse.interval(spec.alpha / sides)
    wanted = "it must be better" if better else f"at most {bound:g} is allowed at its upper end"
    detail = (
        f"{spec.compare} is worse than the champion's by {worse.value:+.4g} "
        f"(interval {lower:+.4g} to {upper:+.4g}, p {p:.3g}); {wanted}"
    )
    passed = upper < bound if better else upper <= bound
    evidence = Evidence.of(worse, spec.alpha, p, sides=sides)
    return Gate(f"compare {spec.compare}", upper, bound, passed, detail, evidence)


def calibration_gate(spec: GatesSpec, error: Estimate, bound: float) -> Gate:
    """Test that the expected calibration error is within its bound; the burden of proof lies with the challenger."""
    p, (lower, upper) = error.p_below(bound), error.interval(spec.alpha)
    detail = (
        f"the calibration error is {error.value:.4g} (interval {lower:.4g} to {upper:.4g}), "
        f"at most {bound:g} is allowed at its upper end"
    )
    return Gate("calibration", upper, bound, upper <= bound, detail, Evidence.of(error, spec.alpha, p))


def harm_gates(alpha: float, harms: list[_Harm]) -> list[Gate]:
    """Refuse where harm is proven: a harmless challenger is refused by any of the tests in at most `alpha` of cases."""
    adjusted = holm([harm.p for harm in harms])
    return [_harm_gate(alpha, harm, p) for harm, p in zip(harms, adjusted, strict=True)]


def _harm_gate(alpha: float, harm: _Harm, adjusted: float) -> Gate:
    evidence = Evidence.of(harm.estimate, alpha, harm.p, adjusted=adjusted)
    told = f"{harm.estimate.value:+.4g} (adjusted p {adjusted:.3g}); {harm.bound:g} is allowed"
    if not harm.estimate.defined:
        told = f"{harm.estimate.value:+.4g}, on too few blocks of days to be tested"
    return Gate(harm.name, harm.estimate.value, harm.bound, adjusted > alpha, f"{harm.words} by {told}", evidence)


def _harms(spec: GatesSpec, trial: Trial, bootstrap: BlockBootstrap) -> Iterator[_Harm]:
    if trial.champion is not None:
        for metric, tolerance in spec.guards.items():
            worse = bootstrap.worse_by(metric, trial.challenger, trial.champion)
            words = f"{metric} is worse than the champion's"
            yield _Harm(f"guard {metric}", worse, tolerance, worse.p_above(tolerance), words)
    if spec.fairness is not None:
        for name, chosen in trial.slices.items():
            yield from _slice_harms(spec.compare, spec.fairness, trial, bootstrap, (name, chosen))


def _slice_harms(
    metric: Metric, fairness: FairnessSpec, trial: Trial, bootstrap: BlockBootstrap, part: tuple[str, NDArray[np.bool_]]
) -> Iterator[_Harm]:
    name, chosen = part
    if trial.champion is not None:
        worse, bound = bootstrap.worse_by(metric, trial.challenger, trial.champion, chosen), fairness.tolerance
        words = f"{metric} in {name} is worse than the champion's"
        yield _Harm(f"slice {name}", worse, bound, worse.p_above(bound), words)
    if fairness.max_bias is not None:
        bias, bound = bootstrap.estimate("bias", trial.challenger, chosen), fairness.max_bias
        size = replace(bias, value=abs(bias.value))
        p = min(1.0, size.p_above(bound) + size.p_above(-bound))  # too high or too low
        yield _Harm(f"bias {name}", size, bound, p, f"the mean prediction in {name} is off")
