"""The retraining decision: causes, brakes and a reason each time."""

import datetime as dt
from dataclasses import replace

import pytest

from ai_patterns.core.retraining import Evidence, decide, loss_since_promotion
from ai_patterns.spec.model import FeedbackSpec

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SPEC = FeedbackSpec(
    metric="brier", max_loss=0.03, max_age="28d", cooldown="6d", budget=2, budget_period="100d", min_labels=50
)
WELL = Evidence(NOW, 3, NOW - 10 * DAY, (NOW - 10 * DAY,), at_promotion=0.14, latest=0.15, measured=400, new_labels=400)
WORSE = replace(WELL, latest=0.18)
OLD = replace(WELL, champion_since=NOW - 30 * DAY)


@pytest.mark.parametrize(
    ("evidence", "retrain", "words"),
    [
        (Evidence(NOW), False, "no champion"),
        (WELL, False, "within 0.03"),
        (replace(WELL, latest=None), False, "not measured yet"),
        (replace(WORSE, measured=49), False, "too few to judge"),
        (WORSE, True, "brier is 0.1800, worse than 0.1400 at promotion"),
        (OLD, True, "30.0 days old, more than 28d"),
        (replace(OLD, latest=0.2), True, "old, more than 28d and brier is"),
        (replace(OLD, new_labels=49), False, "only 49 labels"),
        (replace(WORSE, retrained=(NOW - 5 * DAY,)), False, "cooldown 6d"),
        (replace(WORSE, retrained=(NOW - 6 * DAY,)), True, "worse"),
        (replace(WORSE, retrained=(NOW - 90 * DAY, NOW - 10 * DAY)), False, "budget is spent: 2 of 2"),
        (replace(WORSE, retrained=(NOW - 100 * DAY, NOW - 10 * DAY)), True, "worse"),
    ],
)
def test_decisions(evidence, retrain, words):
    decision = decide(SPEC, evidence)
    assert decision.retrain is retrain
    assert words in decision.reason
    assert decision.reason.startswith("Retrain: " if retrain else "No: ")
    assert decision.evidence["now"] == NOW


def test_a_metric_that_should_be_high_is_worse_when_low():
    spec = SPEC.model_copy(update={"metric": "auc"})
    evidence = replace(WELL, at_promotion=0.78, latest=0.70)
    assert loss_since_promotion(spec, evidence) == pytest.approx(0.08)
    assert decide(spec, evidence).retrain
    assert not decide(spec, replace(evidence, latest=0.9)).retrain
