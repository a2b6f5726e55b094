"""What is served equals what was trained, over the estimators that a spec can name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import ensemble, linear_model, tree
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ai_patterns.clients.onnx import OnnxModel, require_equal, to_onnx
from ai_patterns.core import estimators
from ai_patterns.errors import SpecError
from ai_patterns.spec.model import Task

COLUMNS = ("neighbours", "amount", "kind", "tenths")


def encoded(estimator: Any) -> Any:
    rest = ("number", StandardScaler(), [0, 1, 3])
    encoder = ("code", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [2])
    return make_pipeline(ColumnTransformer([encoder, rest]), estimator)


CLASSIFIERS: list[Callable[[], Any]] = [
    linear_model.LogisticRegression,
    tree.DecisionTreeClassifier,
    lambda: ensemble.RandomForestClassifier(20, random_state=1),
    lambda: ensemble.GradientBoostingClassifier(random_state=1),
    lambda: ensemble.HistGradientBoostingClassifier(max_iter=40, random_state=1),
    lambda: make_pipeline(StandardScaler(), linear_model.LogisticRegression()),
    lambda: encoded(linear_model.LogisticRegression()),
    lambda: make_pipeline(
        ColumnTransformer([("same", "passthrough", [0, 1, 2, 3])]), ensemble.HistGradientBoostingClassifier(max_iter=20)
    ),
]
REGRESSORS: list[Callable[[], Any]] = [
    linear_model.Ridge,
    linear_model.LinearRegression,
    tree.DecisionTreeRegressor,
    lambda: ensemble.ExtraTreesRegressor(20, random_state=1),
    lambda: ensemble.GradientBoostingRegressor(random_state=1),
    lambda: ensemble.HistGradientBoostingRegressor(max_iter=40, random_state=1),
    lambda: make_pipeline(StandardScaler(), linear_model.Ridge()),
    lambda: encoded(linear_model.Ridge()),
]
CASES = [("classification", make) for make in CLASSIFIERS] + [("regression", make) for make in REGRESSORS]


def rows(count: int, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows whose first column holds neighbours in float32, so that every threshold between two of them rounds."""
    random = np.random.default_rng(seed)
    matrix = np.empty((count, len(COLUMNS)), np.float32)
    matrix[:, 0] = np.float32(1) + random.integers(6, size=count).astype(np.float32) * np.spacing(np.float32(1))
    matrix[:, 1] = random.normal(size=count)
    matrix[:, 2] = random.integers(4, size=count)
    matrix[:, 3] = np.round(random.normal(size=count), 1)
    steps = (matrix[:, 0].astype(np.float64) - 1) / float(np.spacing(np.float32(1)))
    return matrix, steps + matrix[:, 1] + np.where(matrix[:, 2] == 2, 3, 0) + random.normal(size=count) / 10


@pytest.mark.parametrize(("task", "make"), CASES)
@pytest.mark.parametrize("count", [80, 1000])
def test_equal_scores(task: Task, make: Callable[[], Any], count: int) -> None:
    matrix, truth = rows(count)
    estimator = make().fit(matrix, truth > 4 if task == "classification" else truth)
    more, _ = rows(500, seed=1)
    converted = OnnxModel(to_onnx(estimator, len(COLUMNS)))
    for each in (matrix, more):
        difference = require_equal(
            lambda each: estimators.predict(estimator, task, each), converted, each, COLUMNS, 2e-5
        )
        assert difference < 2e-5
    one_by_one = np.concatenate([converted.predict(row[None]) for row in more])
    np.testing.assert_array_equal(one_by_one, converted.predict(more))


def test_a_converter_that_changes_values_is_refused_with_the_column() -> None:
    matrix, truth = rows(1000)
    matrix, columns = matrix[:, [2, 0, 1, 3]], ("kind", "neighbours", "amount", "tenths")
    truth = truth + np.where(np.isin(matrix[:, 0], (0, 3)), 20, 0)
    estimator = ensemble.HistGradientBoostingRegressor(max_iter=20, categorical_features=[0]).fit(matrix, truth)
    converted = OnnxModel(to_onnx(estimator, len(columns)))
    with pytest.raises(SpecError, match="'kind'"):
        require_equal(lambda each: estimators.predict(estimator, "regression", each), converted, matrix, columns, 1e-5)
