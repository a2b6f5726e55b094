"""The gates that are tests: who carries the burden of proof, and what many tests at once refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ai_patterns.core.bootstrap import Estimate
from ai_patterns.core.comparison import Trial, calibration_gate, comparison_gate, evidence_gates
from ai_patterns.core.promotion import Gate
from ai_patterns.spec.model import GatesSpec

DAYS = np.repeat(np.arange(14), 200)
SHOPS = np.tile(["north", "south", "small"], len(DAYS))[: len(DAYS)]
EVERY = {name: name == SHOPS for name in ("north", "south", "small")}


def spec(**fields: Any) -> GatesSpec:
    return GatesSpec.model_validate({"compare": "logloss", "tolerance": 0.002, **fields})


def trial(challenger: np.ndarray, champion: np.ndarray | None, seed: int = 0, **fields: Any) -> Trial:
    """Labels of two weeks, drawn from `honest`."""
    truth = (np.random.default_rng(seed).random(len(DAYS)) < honest()).astype(float)
    return Trial(**{"truth": truth, "blocks": DAYS, "slices": {}, **fields}, challenger=challenger, champion=champion)


def honest() -> np.ndarray:
    return np.random.default_rng(9).uniform(0.05, 0.95, len(DAYS))


def blurred(size: float, seed: int = 3) -> np.ndarray:
    return np.clip(honest() + np.random.default_rng(seed).normal(0, size, len(DAYS)), 0.01, 0.99)


def verdicts(gates: list[Gate]) -> dict[str, bool]:
    return {gate.name: gate.passed for gate in gates}


def test_the_same_model_is_not_worse_and_not_better() -> None:
    same = trial(honest(), honest())
    assert verdicts(evidence_gates(spec(), same)) == {"compare logloss": True}
    assert verdicts(evidence_gates(spec(mode="better"), same)) == {"compare logloss": False}


@pytest.mark.parametrize("mode", ["not_worse", "better"])
def test_a_worse_challenger_is_refused_and_a_better_one_passes(mode: str) -> None:
    (refused,) = evidence_gates(spec(mode=mode), trial(blurred(0.2), honest()))
    assert not refused.passed
    assert "logloss is worse than the champion's by +" in refused.detail
    (passed,) = evidence_gates(spec(mode=mode), trial(honest(), blurred(0.2)))
    assert passed.passed
    assert passed.evidence is not None
    assert (passed.evidence.blocks, passed.evidence.rows) == (14, 2800)
    assert passed.evidence.p < 0.05
    assert passed.evidence.lower < passed.evidence.estimate < passed.evidence.upper == passed.value


@pytest.mark.parametrize(
    ("value", "not_worse", "better"), [(-0.02, True, True), (0, True, False), (0.03, False, False)]
)
def test_the_two_burdens_of_proof(value: float, not_worse: bool, better: bool) -> None:
    estimate = Estimate(value, 0.005, 14, 2800)
    assert comparison_gate(spec(tolerance=0.01), estimate).passed is not_worse
    assert comparison_gate(spec(tolerance=0.01, mode="better"), estimate).passed is better


@pytest.mark.parametrize("mode", ["not_worse", "better"])
def test_what_cannot_be_told_is_refused(mode: str) -> None:
    zeros = np.zeros(len(DAYS))
    undefined = trial(honest(), honest(), truth=zeros)
    assert not any(gate.passed for gate in evidence_gates(spec(compare="auc", mode=mode), undefined))
    one_day = trial(honest(), honest(), blocks=zeros)
    assert not any(gate.passed for gate in evidence_gates(spec(mode=mode), one_day))


def test_calibration_is_bounded_at_the_upper_end() -> None:
    assert calibration_gate(spec(), Estimate(0.03, 0.001, 14, 2800), 0.05).passed
    assert not calibration_gate(spec(), Estimate(0.03, 0.02, 14, 2800), 0.05).passed
    shifted = np.clip(honest() + 0.1, 0, 1)
    assert verdicts(evidence_gates(spec(max_ece=0.06), trial(honest(), None))) == {"calibration": True}
    assert verdicts(evidence_gates(spec(max_ece=0.06), trial(shifted, None))) == {"calibration": False}


def test_a_guarded_metric_may_not_be_harmed() -> None:
    """Half the confidence: the order of the rows, and with it the AUC, stays; the log loss does not."""
    timid = 0.5 + (honest() - 0.5) / 2
    gates = spec(compare="auc", guards={"logloss": 0.005, "ece": 0.5})
    found = evidence_gates(gates, trial(timid, honest()))
    assert verdicts(found) == {"compare auc": True, "guard logloss": False, "guard ece": True}
    guard = found[1].evidence
    assert guard is not None
    assert guard.adjusted_p == pytest.approx(2 * guard.p)


def test_no_slice_pays_for_the_others() -> None:
    ruined = np.where(EVERY["small"], blurred(0.3), honest())
    fair = {"slices": ["shop"], "tolerance": 0.01}
    found = evidence_gates(spec(tolerance=1, fairness=fair), trial(ruined, blurred(0.1), slices=EVERY))
    assert verdicts(found) == {"compare logloss": True, "slice north": True, "slice south": True, "slice small": False}
    assert "logloss in small is worse than the champion's by +" in found[-1].detail


@pytest.mark.parametrize("shift", [-0.15, 0.15])
def test_a_slice_that_is_predicted_too_high_or_too_low_is_refused(shift: float) -> None:
    """Also where there is no champion."""
    off = np.clip(honest() + shift * EVERY["south"], 0.01, 0.99)
    fair = {"slices": ["shop"], "max_bias": 0.05}
    found = evidence_gates(spec(fairness=fair), trial(off, None, slices=EVERY))
    assert verdicts(found) == {"bias north": True, "bias south": False, "bias small": True}


def test_a_slice_of_one_day_is_told_and_not_tested() -> None:
    rare = {"shop=new": DAYS == 0}
    (_, gate) = evidence_gates(
        spec(tolerance=1, fairness={"slices": ["shop"]}), trial(blurred(0.3), honest(), slices=rare)
    )
    assert gate.passed
    assert "on too few blocks of days to be tested" in gate.detail
