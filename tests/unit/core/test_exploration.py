"""Exploration draws its declared share, the same one each time, and its weights give back what selection took."""

import datetime as dt

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ai_patterns.core.estimators import fit_estimator
from ai_patterns.core.exploration import assign, weigh
from ai_patterns.errors import SpecError
from ai_patterns.spec.exploration import ExplorationSpec

SPEC = ExplorationSpec(act="below", threshold=0.3, share=0.1, holdout=0.05, salt="a")
ROWS = 20_000
KEYS = [(f"UA{number}", number, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)) for number in range(ROWS)]


@pytest.fixture(scope="module")
def scores():
    return np.random.default_rng(3).random(ROWS)


def test_the_declared_shares_are_drawn_on_the_side_that_is_not_acted_on(scores):
    found = assign(SPEC, KEYS, scores.tolist())
    explored, holdout, propensity = (np.array(part) for part in (found.explored, found.holdout, found.propensity))
    other = scores > 0.3
    assert holdout.mean() == pytest.approx(0.05, abs=0.005)
    assert explored[other & ~holdout].mean() == pytest.approx(0.1, abs=0.01)
    assert not explored[~other].any()
    assert explored[other & holdout].all()
    assert set(propensity[other & ~holdout]) == {0.1}
    assert set(propensity[~other | holdout]) == {1.0}


def test_a_decision_is_drawn_alike_again_in_any_order_and_otherwise_under_another_salt(scores):
    first = assign(SPEC, KEYS, scores.tolist())
    order = np.random.default_rng(1).permutation(ROWS)
    again = assign(SPEC, [KEYS[place] for place in order], scores[order].tolist())
    assert again.explored == [first.explored[place] for place in order]
    assert again.holdout == [first.holdout[place] for place in order]
    other = assign(SPEC.model_copy(update={"salt": "b"}), KEYS, scores.tolist())
    both = sum(a and b for a, b in zip(first.holdout, other.holdout, strict=True))
    assert both / ROWS == pytest.approx(0.05**2, abs=0.002)


def test_above_and_what_is_no_number():
    above = SPEC.model_copy(update={"act": "above", "holdout": 0.0, "share": 0.5})
    assert assign(above, KEYS[:3], [0.3, 0.2, float("nan")]).propensity == [1.0, 0.5, 0.5]


def test_weighted_labels_give_the_mean_that_all_labels_give(scores):
    truth = (np.random.default_rng(5).random(ROWS) < scores).astype(float)
    found = assign(SPEC, KEYS, scores.tolist())
    seen = np.array(found.explored) | (np.array(found.propensity) == 1)
    kept = seen & ~np.array(found.holdout)
    naive, weighted = truth[kept].mean(), np.average(truth[kept], weights=weigh(np.array(found.propensity)[kept], 100))
    assert abs(naive - truth.mean()) > 0.2
    assert weighted == pytest.approx(truth.mean(), abs=0.03)


def test_weights_are_clipped_and_have_mean_one():
    weights = weigh([1.0, 0.5, 0.001], clip=10)
    assert weights.mean() == pytest.approx(1)
    assert weights[2] / weights[0] == pytest.approx(10)
    assert weigh([], 10).tolist() == []


def test_an_estimator_takes_weights_or_says_that_it_does_not():
    matrix, truth = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32), np.array([0, 1, 0, 1])
    weights = np.array([1, 1, 9, 1.0])
    plain, heavy = (fit_estimator(LogisticRegression(), matrix, truth, each) for each in (None, weights))
    assert plain.intercept_[0] > heavy.intercept_[0]
    piped = fit_estimator(make_pipeline(StandardScaler(), LogisticRegression()), matrix, truth, weights)
    assert piped.predict_proba(matrix).shape == (4, 2)
    with pytest.raises(SpecError, match=r"KNeighborsClassifier\.fit takes no sample_weight"):
        fit_estimator(KNeighborsClassifier(1), matrix, truth, weights)
