"""Estimators by import path, and what a wrong path or parameter says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ai_patterns.core.estimators import make_estimator, predict
from ai_patterns.errors import SpecError
from ai_patterns.spec.model import ModelSpec


def model(estimator: str, **parameters: Any) -> ModelSpec:
    return ModelSpec(estimator=estimator, parameters=parameters, features={"all": ("x",)})


def test_parameters_reach_the_estimator() -> None:
    assert make_estimator(model("sklearn.linear_model.Ridge", alpha=3.0)).alpha == 3.0


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (model("sklearn.linear_model.Rigde"), "Did you mean 'sklearn.linear_model.Ridge'"),
        (model("sklearn.linear_model.Ridge", alfa=1), "takes no parameter 'alfa' Did you mean 'alpha'"),
        (model("sklearn.no_such_part.Ridge"), "cannot be imported"),
        (model("Ridge"), "no import path"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(spec: ModelSpec, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make_estimator(spec)


def test_predictions_are_one_float_a_row() -> None:
    matrix = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
    classifier = make_estimator(model("sklearn.linear_model.LogisticRegression")).fit(matrix, [0, 0, 1, 1])
    regressor = make_estimator(model("sklearn.linear_model.LinearRegression")).fit(matrix, [1, 2, 3, 4])
    probability = predict(classifier, "classification", matrix)
    assert probability.shape == (4,)
    assert (np.diff(probability) > 0).all()
    assert predict(regressor, "regression", matrix) == pytest.approx([1, 2, 3, 4])
