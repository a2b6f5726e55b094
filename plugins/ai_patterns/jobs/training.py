"""Training: fit on the older rows, evaluate on the newest, log what came out, name it the challenger."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import CHALLENGER, Registry
from ai_patterns.clients.mlflow_package import TrainedModel
from ai_patterns.clients.onnx import OnnxModel, require_equal, to_onnx
from ai_patterns.core.days import Days
from ai_patterns.core.estimators import predict
from ai_patterns.core.fitting import FittedModel, Split, fit, labels, measure_slices, split_rows
from ai_patterns.core.metrics import calibration_curve, measure
from ai_patterns.core.predictions import TABLE as PREDICTIONS
from ai_patterns.core.profiles import profile_matrix
from ai_patterns.jobs.exploration import with_exploration
from ai_patterns.jobs.labels import TABLE as LANDED_LABELS
from ai_patterns.jobs.training_set import TABLE, read_training_set
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class TrainingReport:
    """What one training left behind.

    Attributes:
        version: the model's version in the registry.
        run_id: the MLflow run.
        rows: rows that the model was fitted on.
        evaluation_rows: newer rows that it was evaluated on.
        metrics: its metrics there.
        onnx_difference: largest difference between the estimator's and the ONNX model's predictions there.
        slices: metrics by slice.
    """

    version: int
    run_id: str
    rows: int
    evaluation_rows: int
    metrics: dict[str, float]
    onnx_difference: float
    slices: list[dict[str, Any]]


def train(system: SystemSpec, lake: Lake, registry: Registry, days: Days) -> TrainingReport:
    """Train on the decisions of `days` whose label was known before the range ended; the result is the challenger.

    The logged model is the one that was evaluated: fitted on all but the newest `model.evaluation` of the rows.
    The same rows give the same model.

    Raises:
        DataQualityError: there are too few rows, or a single class.
        SpecError: the estimator has no ONNX form, or one that answers otherwise.
        ServiceUnavailableError: the training set or the registry is not there.
    """
    split = split_rows(system, read_labelled(system, lake, days))
    log.info("training %s on %d rows of %s", system.name, split.fit.num_rows, days)
    fitted = fit(system, split.fit)
    trained = _evaluate(fitted, split, days, _lake_versions(system, lake))
    version, run_id = registry.log_model(trained)
    registry.set_alias(CHALLENGER, version)
    report = TrainingReport(
        version=version,
        run_id=run_id,
        rows=split.fit.num_rows,
        evaluation_rows=split.evaluation.num_rows,
        metrics=dict(trained.metrics),
        onnx_difference=trained.metrics["onnx_difference"],
        slices=list(trained.reports["slices"]),  # type: ignore[call-overload]
    )
    figures = ", ".join(f"{name} {value:.4g}" for name, value in report.metrics.items())
    log.info("version %d is the challenger; on %d rows of %s: %s", version, report.evaluation_rows, split.days, figures)
    return report


def read_labelled(system: SystemSpec, lake: Lake, days: Days) -> pa.Table:
    """Decisions of `days` whose label was known before the range ended, by decision time.

    Under exploration those that were acted on, with `holdout` and `propensity`.
    """
    rows = read_training_set(system, lake, days, labels_before=days.end)
    return with_exploration(system, lake, rows.filter(pc.is_valid(rows["label"])), days)


def _evaluate(fitted: FittedModel, split: Split, days: Days, lake_versions: dict[str, int]) -> TrainedModel:
    system, task = fitted.system, fitted.system.model.task
    matrix = fitted.matrix(split.evaluation)
    truth, predicted = labels(split.evaluation), fitted.predict(split.evaluation)
    onnx = to_onnx(fitted.estimator, matrix.shape[1])
    metrics = measure(task, truth, predicted)
    bound = system.gates.onnx_difference
    metrics["onnx_difference"] = require_equal(
        lambda rows: predict(fitted.estimator, task, rows), OnnxModel(onnx), matrix, system.model.columns, bound
    )
    profiles = profile_matrix(fitted.matrix(split.fit), system.model.columns)
    return TrainedModel(
        estimator=fitted.estimator,
        onnx=onnx,
        task=task,
        columns=system.model.columns,
        encodings=fitted.encodings,
        example=matrix[:EXAMPLE_ROWS],
        parameters={"estimator": system.model.estimator, **system.model.parameters},
        metrics=metrics,
        tags={
            **{f"lake.{table}": str(version) for table, version in lake_versions.items()},
            "days": str(days),
            "evaluation_days": str(split.days),
        },
        card={
            "days": str(days),
            "evaluation_days": str(split.days),
            "labels_before": days.end.isoformat(),
            "rows": split.fit.num_rows,
            "evaluation_rows": split.evaluation.num_rows,
            "metrics": metrics,
            "lake_versions": lake_versions,
        },
        reports={
            "slices": measure_slices(system, split.evaluation, predicted),
            "calibration": calibration_curve(truth, predicted) if task == "classification" else [],
            "profiles": {name: profile.to_dict() for name, profile in profiles.items()},
        },
    )


def _lake_versions(system: SystemSpec, lake: Lake) -> dict[str, int]:
    """Versions of the tables that training reads."""
    tables = [TABLE, f"events/{system.decision.label.stream}"]
    tables += [LANDED_LABELS] if lake.exists(LANDED_LABELS) else []
    tables += [PREDICTIONS] if system.exploration is not None and lake.exists(PREDICTIONS) else []
    return {table: lake.version(table) for table in tables}
