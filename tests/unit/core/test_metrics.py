"""The metrics agree with scikit-learn's, and say NaN where there is nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from ai_patterns.core import metrics

ROWS = st.lists(st.tuples(st.booleans(), st.integers(1, 99)), min_size=2, max_size=60)


@given(ROWS)
def test_classification_as_in_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    """Integers as scores, so that there are ties."""
    truth = np.array([float(label) for label, _ in rows])
    score = np.array([number / 100 for _, number in rows])
    assert metrics.brier(truth, score) == pytest.approx(reference.brier_score_loss(truth, score, labels=[0, 1]))
    assert metrics.logloss(truth, score) == pytest.approx(reference.log_loss(truth, score, labels=[0, 1]))
    if 0 < truth.sum() < len(truth):
        assert metrics.auc(truth, score) == pytest.approx(reference.roc_auc_score(truth, score))
    else:
        assert math.isnan(metrics.auc(truth, score))


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=2, max_size=40))
def test_regression_as_in_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(rows, dtype=float).T
    assert metrics.mae(truth, predicted) == pytest.approx(reference.mean_absolute_error(truth, predicted))
    assert metrics.rmse(truth, predicted) == pytest.approx(reference.root_mean_squared_error(truth, predicted))
    if truth.std():
        assert metrics.r2(truth, predicted) == pytest.approx(reference.r2_score(truth, predicted))
    else:
        assert math.isnan(metrics.r2(truth, predicted))


def test_calibrated_and_overconfident_probabilities() -> None:
    generator = np.random.default_rng(0)
    probability = generator.random(50_000)
    truth = (generator.random(50_000) < probability).astype(float)
    assert metrics.ece(truth, probability) < 0.01
    assert metrics.ece(truth, np.clip(probability * 1.3, 0, 1)) > 0.1


def test_the_calibration_curve_holds_every_row_once() -> None:
    curve = metrics.calibration_curve(np.zeros(100), np.linspace(0, 1, 100))
    assert sum(point["rows"] for point in curve) == 100
    assert len(curve) == metrics.BINS


@pytest.mark.parametrize("name", list(metrics.METRICS))
def test_no_rows_give_nan(name: str) -> None:
    assert math.isnan(metrics.METRICS[name]([], []))  # type: ignore[index]


def test_extreme_probabilities_have_a_finite_loss() -> None:
    assert metrics.logloss([1.0, 0.0], [0.0, 1.0]) < 20
