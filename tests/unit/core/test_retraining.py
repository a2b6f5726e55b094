"""The retraining decision: causes, brakes and a reason each time."""

import datetime as dt
from dataclasses import replace

import pytest
from pydantic import ValidationError

from ai_patterns.core.retraining import decide
from ai_patterns.core.retraining_evidence import Evidence
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
    assert evidence.losses("auc") == [(NOW, pytest.approx(0.08))]
    assert decide(spec, evidence).retrain
    assert not decide(spec, replace(evidence, latest=0.9)).retrain


LASTING = SPEC.model_copy(update={"patience": 2})


@pytest.mark.parametrize(("before", "retrain"), [((), False), ((0.15,), False), ((0.18,), True), ((0.18, 0.15), False)])
def test_with_patience_a_loss_must_last(before, retrain):
    earlier = tuple((NOW - 7 * DAY * (len(before) - place), value) for place, value in enumerate(before))
    assert decide(LASTING, replace(WORSE, earlier=earlier)).retrain is retrain


def test_a_loss_that_a_retraining_did_not_cure_asks_again_only_after_it_was_gone():
    spec = SPEC.model_copy(update={"clear_loss": 0.01, "budget": 9})
    attempt = NOW - 9 * DAY  # the champion is of ten days ago: this retraining did not replace it
    tried = replace(WORSE, retrained=(attempt,))
    assert not decide(spec, tried).retrain
    between = replace(tried, earlier=((NOW - 8 * DAY, 0.16),))  # better than 0.03, not as good as 0.01
    assert not decide(spec, between).retrain
    assert decide(spec, replace(tried, earlier=((NOW - 8 * DAY, 0.145),))).retrain
    assert not decide(spec, replace(tried, earlier=((attempt - DAY, 0.14),))).retrain  # gone before, not after
    assert decide(spec, replace(WORSE, retrained=(WORSE.champion_since,))).retrain  # this one brought the champion


def test_volume_asks_when_the_labels_have_grown_by_a_share():
    spec = SPEC.model_copy(update={"max_growth": 0.1})
    assert not decide(spec, replace(WELL, old_labels=4000)).retrain
    decision = decide(spec, replace(WELL, old_labels=3999))
    assert decision.causes == ("400 labels became known since the promotion, more than 10% of the 3999 before",)


def test_drift_asks_when_too_many_features_are_in_alarm():
    spec = SPEC.model_copy(update={"max_drifted": 1})
    assert not decide(spec, replace(WELL, drifted=("a",))).retrain
    assert not decide(SPEC, replace(WELL, drifted=("a", "b"))).retrain
    assert decide(spec, replace(WELL, drifted=("a", "b"))).causes == ("more than 1 features are in drift alarm: a, b",)


def test_what_held_a_cause_back_is_told_apart():
    decision = decide(SPEC, replace(OLD, new_labels=49))
    assert decision.causes == ("the champion is 30.0 days old, more than 28d",)
    assert decision.held_by == "only 49 labels became known since the promotion (at least 50)"


def test_a_clearing_level_above_the_one_that_asks_is_refused():
    with pytest.raises(ValidationError, match="cleared below"):
        FeedbackSpec(metric="brier", max_loss=0.03, clear_loss=0.04, max_age="1d", cooldown="1d", budget=1)
