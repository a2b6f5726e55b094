"""Fitting a model on rows of the training set, and measuring it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ai_patterns.core.days import Days
from ai_patterns.core.estimators import fit_estimator, make_estimator, predict
from ai_patterns.core.exploration import weigh
from ai_patterns.core.metrics import Vector, measure
from ai_patterns.core.vector_builder import Encodings
from ai_patterns.core.vectors import learn_encodings, model_matrix
from ai_patterns.errors import DataQualityError
from ai_patterns.spec.system import SystemSpec

MIN_FIT_ROWS = 50
MIN_EVALUATION_ROWS = 20
MAX_SLICES = 50
"""Values of one slicing column that are measured, the largest ones."""


@dataclass(frozen=True)
class FittedModel:
    """An estimator with the encodings that its matrix needs.

    Attributes:
        system: the spec it was fitted by.
        estimator: fitted.
        encodings: column -> category -> code, learnt on the same rows.
    """

    system: SystemSpec
    estimator: Any
    encodings: dict[str, dict[str, float]]

    def matrix(self, rows: pa.Table) -> NDArray[np.float32]:
        """The model's input, n_rows x n_features."""
        return model_matrix(self.system, rows, self.encodings)

    def predict(self, rows: pa.Table) -> Vector:
        """P(positive) or the value of each row."""
        return predict(self.estimator, self.system.model.task, self.matrix(rows))


def fit(system: SystemSpec, rows: pa.Table) -> FittedModel:
    """Fit the spec's estimator on labelled rows, weighted by their `propensity` where they have one.

    Raises:
        DataQualityError: there are too few rows, or a single class.
        SpecError: there is no such estimator, or one that takes no weights where there are some.
    """
    truth = labels(rows)
    if len(truth) < MIN_FIT_ROWS:
        raise DataQualityError(f"{len(truth)} labelled rows are too few to fit {system.name!r} (least {MIN_FIT_ROWS})")
    if system.model.task == "classification":
        _require_two_classes(system, truth)
        truth = truth.astype(np.int64)
    encodings = learn_encodings(system, rows, labels(rows))
    matrix = model_matrix(system, rows, encodings)
    estimator = fit_estimator(make_estimator(system.model), matrix, truth, _weights(system, rows))
    return FittedModel(system, estimator, encodings)


def labels(rows: pa.Table) -> Vector:
    """The label of each row, NaN where there is none."""
    return np.asarray(rows["label"].cast(pa.float64()).to_numpy(), dtype=np.float64)


@dataclass(frozen=True)
class Split:
    """Rows to fit on, and the newest ones to evaluate on.

    Attributes:
        fit: decisions before the evaluation period whose label was known when it began.
        evaluation: decisions in the evaluation period.
        days: UTC days of the evaluation period.
    """

    fit: pa.Table
    evaluation: pa.Table
    days: Days


def split_rows(system: SystemSpec, rows: pa.Table) -> Split:
    """Keep the newest `model.evaluation` of labelled rows for evaluation, in whole UTC days.

    Rows whose label landed after the evaluation period began are dropped from the fit ("purging", López de Prado
    2018, 7.4.1): who trains then cannot have known them. Under exploration one side is the holdout, the other is not.

    Raises:
        DataQualityError: there are too few rows on either side.
    """
    if not rows.num_rows:
        raise DataQualityError(f"there is no labelled row to train {system.name!r} on")
    last = pc.max(rows["decided_at"]).as_py().astimezone(dt.UTC).date()
    days = Days(last - max(system.model.evaluation, dt.timedelta(days=1)) + dt.timedelta(days=1), last)
    start = pa.scalar(days.start, pa.timestamp("us", tz="UTC"))
    evaluation = evaluated(rows.filter(pc.greater_equal(rows["decided_at"], start)))
    before = pc.and_(pc.less(rows["decided_at"], start), pc.less(rows["label_known_at"], start))
    if evaluation.num_rows < MIN_EVALUATION_ROWS:
        raise DataQualityError(f"{evaluation.num_rows} rows on {days} are too few to evaluate {system.name!r}")
    return Split(fitted_on(rows.filter(before)), evaluation, days)


def measure_slices(system: SystemSpec, rows: pa.Table, predicted: Vector) -> list[dict[str, Any]]:
    """Metrics of each value of each slicing column: `slice` (`column=value`), `rows` and the task's metrics."""
    truth = labels(rows)
    return [
        {"slice": name, "rows": int(chosen.sum()), **measure(system.model.task, truth[chosen], predicted[chosen])}
        for name, chosen in slice_rows(rows, system.model.slices).items()
    ]


def slice_rows(rows: pa.Table, columns: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """`column=value` -> which rows are in it, for the largest values of each column."""
    found: dict[str, NDArray[np.bool_]] = {}
    for column in columns:
        values = np.asarray(rows[column].to_pylist(), dtype=object)
        found |= {f"{column}={value}": values == value for value in _largest(rows[column])}
    return found


def with_columns(system: SystemSpec, columns: Sequence[str]) -> SystemSpec:
    """The same system with a model of other feature columns."""
    categorical = tuple(name for name in system.model.categorical if name in columns)
    features = {"columns": tuple(columns)}
    model = system.model.model_copy(update={"features": features, "categorical": categorical})
    return system.model_copy(update={"model": model})


def matrix_of(system: SystemSpec, columns: Sequence[str], encodings: Encodings, rows: pa.Table) -> NDArray[np.float32]:
    """The input of a registered model, which may have been trained with other columns than the spec has now."""
    return model_matrix(with_columns(system, columns), rows, encodings)


def _weights(system: SystemSpec, rows: pa.Table) -> Vector | None:
    if system.exploration is None or "propensity" not in rows.column_names:
        return None
    return weigh(pc.fill_null(rows["propensity"], 1.0).to_numpy(), system.exploration.clip)


def evaluated(rows: pa.Table) -> pa.Table:
    """The rows to measure on: all, or under exploration the holdout and what was decided before it."""
    return rows.filter(pc.fill_null(rows["holdout"], True)) if "holdout" in rows.column_names else rows


def fitted_on(rows: pa.Table) -> pa.Table:
    """The rows to fit on: all but the holdout."""
    return rows.filter(pc.invert(pc.fill_null(rows["holdout"], False))) if "holdout" in rows.column_names else rows


def _require_two_classes(system: SystemSpec, truth: Vector) -> None:
    classes = np.unique(truth)
    if not np.isin(classes, (0.0, 1.0)).all():
        raise DataQualityError(f"labels of {system.name!r} must be 0 or 1, found {classes[:5].tolist()}")
    if len(classes) < 2:
        raise DataQualityError(f"all {len(truth)} labels of {system.name!r} are {classes[0]:g}; two classes are needed")


def _largest(column: pa.ChunkedArray) -> list[Any]:
    counts = sorted(column.drop_null().value_counts().to_pylist(), key=lambda item: (-item["counts"], item["values"]))
    return [item["values"] for item in counts[:MAX_SLICES]]
