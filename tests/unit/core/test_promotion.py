"""The gates: what passes, what is refused, and the words for it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ai_patterns.core.metrics import brier, logloss
from ai_patterns.core.promotion import (
    Review,
    absolute_gates,
    comparison_gate,
    difference_gate,
    schema_gate,
    worse_by_interval,
)
from ai_patterns.spec.model import GatesSpec

DAYS = np.repeat(np.arange(14), 200)
SPEC = GatesSpec.model_validate(
    {"absolute": {"auc": {"min": 0.7}, "brier": {"max": 0.2}}, "compare": "logloss", "tolerance": 0.002}
)


def decisions(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth of two weeks, and the probabilities it was drawn with."""
    generator = np.random.default_rng(seed)
    honest = generator.uniform(0.05, 0.95, len(DAYS))
    return (generator.random(len(DAYS)) < honest).astype(float), honest


def test_bounds_include_their_ends() -> None:
    assert all(gate.passed for gate in absolute_gates(SPEC, {"auc": 0.7, "brier": 0.2}))


def test_an_undefined_or_absent_metric_is_refused() -> None:
    assert not any(gate.passed for gate in absolute_gates(SPEC, {"auc": float("nan")}))


def test_the_onnx_difference_is_bounded() -> None:
    assert difference_gate(SPEC, 1e-6).passed
    assert not difference_gate(SPEC, 0.43).passed
    assert not difference_gate(SPEC, float("nan")).passed


def test_a_changed_schema_is_refused_by_name() -> None:
    assert schema_gate(["a", "b"], ["a", "b"]).passed
    assert "order" in schema_gate(["a", "b"], ["b", "a"]).detail
    assert "unknown: c" in schema_gate(["a"], ["a", "c"]).detail


def test_the_same_model_passes_the_comparison() -> None:
    truth, honest = decisions()
    gate = comparison_gate(SPEC, truth, honest, honest, DAYS)
    assert (gate.passed, gate.value) == (True, 0.0)


def test_a_worse_challenger_is_refused_and_a_better_one_passes() -> None:
    truth, honest = decisions()
    worse = np.random.default_rng(1).permutation(honest)
    refused = comparison_gate(SPEC, truth, worse, honest, DAYS)
    assert not refused.passed
    assert "worse than the champion's" in refused.detail
    assert comparison_gate(SPEC, truth, honest, worse, DAYS).passed


@pytest.mark.parametrize("metric", ["brier", "logloss", "auc", "ece"])
def test_the_interval_holds_the_estimate_and_repeats(metric: str) -> None:
    truth, honest = decisions()
    pair = (np.clip(honest + 0.05, 0, 1), honest)
    first = worse_by_interval(metric, truth, pair, DAYS)  # type: ignore[arg-type]
    assert first[0] <= first[1] <= first[2]
    assert first == worse_by_interval(metric, truth, pair, DAYS)  # type: ignore[arg-type]


def test_the_estimate_is_the_difference_of_the_metrics() -> None:
    truth, honest = decisions()
    flat = np.full(len(truth), 0.5)
    assert worse_by_interval("brier", truth, (flat, honest), DAYS)[1] == brier(truth, flat) - brier(truth, honest)
    assert worse_by_interval("logloss", truth, (honest, flat), DAYS)[1] == logloss(truth, honest) - logloss(truth, flat)


def test_days_are_drawn_whole() -> None:
    """One bad day in fourteen, with all the loss, widens the interval beyond what single rows would show."""
    truth, honest = decisions()
    bad_day = np.where(DAYS == 0, 1 - honest, honest)
    lower, _, upper = worse_by_interval("brier", truth, (bad_day, honest), DAYS)
    assert lower == 0.0  # some resamples leave the bad day out
    assert upper > 0.02


def test_a_metric_undefined_everywhere_is_refused() -> None:
    zeros = np.zeros(len(DAYS))
    spec = GatesSpec(compare="auc")
    assert not comparison_gate(spec, zeros, zeros, zeros, DAYS).passed


def test_a_review_says_why() -> None:
    gates = (*absolute_gates(SPEC, {"auc": 0.6, "brier": 0.1}), difference_gate(SPEC, 0.0))
    review = Review(3, None, gates, {"auc": 0.6})
    assert not review.passed
    assert review.reasons == ["auc is 0.6, at least 0.7 is required"]
    assert json.loads(json.dumps(review.to_dict())) == review.to_dict()
