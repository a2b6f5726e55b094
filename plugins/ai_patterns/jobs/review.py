"""The review of a version: every gate, measured on the rows that its training kept for evaluation."""

from __future__ import annotations

import datetime as dt
import logging

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import LoadedModel, Registry
from ai_patterns.core.days import Days
from ai_patterns.core.fitting import evaluated, labels, matrix_of
from ai_patterns.core.ledger import champion
from ai_patterns.core.metrics import Vector, measure
from ai_patterns.core.promotion import (
    Gate,
    Review,
    absolute_gates,
    comparison_gate,
    difference_gate,
    schema_gate,
)
from ai_patterns.errors import DataQualityError
from ai_patterns.jobs.exploration import with_exploration
from ai_patterns.jobs.training_set import read_training_set
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


def review(system: SystemSpec, lake: Lake, registry: Registry, version: int) -> Review:
    """Hold a version against the gates, and against the champion on the same rows; changes nothing.

    Raises:
        DataQualityError: the rows on which it was evaluated are no longer in the training set.
        ServiceUnavailableError: the registry, the version or the training set is not there.
    """
    challenger = registry.load_onnx(version)
    schema = schema_gate(system.model.columns, challenger.columns)
    rows = _evaluation_rows(system, lake, challenger)
    rival = champion(read_promotions(lake))
    if not set(challenger.columns) <= set(rows.column_names):
        return Review(version, rival, (schema,), {})
    predicted = predict_rows(system, challenger, rows)
    metrics = measure(system.model.task, labels(rows), predicted)
    gates = [schema, difference_gate(system.gates, float(challenger.card["metrics"]["onnx_difference"]))]
    gates += absolute_gates(system.gates, metrics)
    if rival not in {None, version}:
        gates.append(_compare(system, registry.load_onnx(rival), rows, predicted))
    for gate in gates:
        log.info("gate %s %s: %s", gate.name, "passed" if gate.passed else "FAILED", gate.detail)
    return Review(version, rival, tuple(gates), metrics)


def predict_rows(system: SystemSpec, model: LoadedModel, rows: pa.Table) -> Vector:
    """Predictions of a registered model for rows of the training set."""
    return model.predict(matrix_of(system, model.columns, model.encodings, rows))


def _evaluation_rows(system: SystemSpec, lake: Lake, model: LoadedModel) -> pa.Table:
    days = Days.parse(model.card["evaluation_days"])
    known = dt.datetime.fromisoformat(model.card["labels_before"])
    rows = read_training_set(system, lake, days, labels_before=known)
    rows = evaluated(with_exploration(system, lake, rows.filter(pc.is_valid(rows["label"])), days))
    if not rows.num_rows:
        problem = f"no labelled row is left on {days}, where version {model.version} was evaluated"
        raise DataQualityError(f"{problem}; build the training set of these days again")
    return rows


def _compare(system: SystemSpec, rival: LoadedModel, rows: pa.Table, predicted: Vector) -> Gate:
    absent = sorted(set(rival.columns) - set(rows.column_names))
    if absent:
        detail = f"the champion cannot be compared with: its columns {', '.join(absent)} are gone"
        return Gate(f"compare {system.gates.compare}", float("nan"), system.gates.tolerance, True, detail)
    days = np.asarray(rows["decided_at"].cast(pa.timestamp("us")).to_numpy()).astype("datetime64[D]")
    return comparison_gate(system.gates, labels(rows), predicted, predict_rows(system, rival, rows), days)
