"""The gates: what passes, what is refused, and the words for it."""

from __future__ import annotations

import json

from ai_patterns.core.bootstrap import Estimate
from ai_patterns.core.promotion import (
    Evidence,
    Gate,
    Review,
    absolute_gates,
    difference_gate,
    schema_gate,
)
from ai_patterns.spec.model import GatesSpec

SPEC = GatesSpec.model_validate(
    {"absolute": {"auc": {"min": 0.7}, "brier": {"max": 0.2}}, "compare": "logloss", "tolerance": 0.002}
)


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


def test_a_review_says_why() -> None:
    evidence = Evidence.of(Estimate(-0.01, 0.002, 14, 900), 0.05, 0.01)
    compared = Gate("compare logloss", -0.006, 0.0, passed=True, detail="better", evidence=evidence)
    gates = (*absolute_gates(SPEC, {"auc": 0.6, "brier": 0.1}), difference_gate(SPEC, 0.0), compared)
    review = Review(3, None, gates, {"auc": 0.6})
    assert not review.passed
    assert review.reasons == ["auc is 0.6, at least 0.7 is required"]
    assert json.loads(json.dumps(review.to_dict())) == review.to_dict()
    told = review.to_dict()["gates"][-1]["evidence"]
    assert (told["estimate"], told["blocks"], told["rows"], told["p"], told["adjusted_p"]) == (
        -0.01,
        14,
        900,
        0.01,
        0.01,
    )
