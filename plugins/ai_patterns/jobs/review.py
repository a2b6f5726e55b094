"""The review of a version: every gate, measured on the rows that its training kept for evaluation."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ai_patterns.clients.home import Home
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import LoadedModel, Registry
from ai_patterns.core.comparison import Trial, evidence_gates
from ai_patterns.core.days import Days
from ai_patterns.core.fitting import evaluated, labels, slice_rows
from ai_patterns.core.ledger import champion
from ai_patterns.core.metrics import Vector, measure
from ai_patterns.core.promotion import (
    Gate,
    Review,
    absolute_gates,
    difference_gate,
    schema_gate,
)
from ai_patterns.errors import DataQualityError
from ai_patterns.jobs.exploration import with_exploration
from ai_patterns.jobs.model_rows import predict_rows
from ai_patterns.jobs.server_trial import server_gates
from ai_patterns.jobs.training_set import read_training_set
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


def review(system: SystemSpec, lake: Lake, registry: Registry, version: int, repository: Path | None = None) -> Review:
    """Hold a version against the gates, and against the champion on the same rows; changes nothing.

    Args:
        system: the system.
        lake: its lake.
        registry: its registry.
        version: the version.
        repository: folder of the system's applied Feast repository, where the server gate finds the online store; that
            of `Home` by default.

    Raises:
        DataQualityError: the rows on which it was evaluated are no longer in the training set.
        ServiceRejectedError: the registry has no such version.
        ServiceUnavailableError: the registry, the training set or, for the server gate, the online store is not there.
    """
    registry.require_version(version)
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
    gates += _tested(system, registry, rival if rival != version else None, rows, predicted)
    if all(gate.passed for gate in gates):  # a server is started for those alone that may pass
        store = repository or Home.from_environment().features / system.name
        gates += server_gates(system, registry, challenger, rows, store)
    for gate in gates:
        log.info("gate %s %s: %s", gate.name, "passed" if gate.passed else "FAILED", gate.detail)
    return Review(version, rival, tuple(gates), metrics)


def _tested(system: SystemSpec, registry: Registry, rival: int | None, rows: pa.Table, predicted: Vector) -> list[Gate]:
    against, gates = _champion(system, registry, rival, rows)
    fairness = system.gates.fairness
    slices = slice_rows(rows, fairness.slices) if fairness else {}
    return gates + evidence_gates(system.gates, Trial(labels(rows), predicted, against, _blocks(system, rows), slices))


def _evaluation_rows(system: SystemSpec, lake: Lake, model: LoadedModel) -> pa.Table:
    days = Days.parse(model.card["evaluation_days"])
    known = dt.datetime.fromisoformat(model.card["labels_before"])
    rows = read_training_set(system, lake, days, labels_before=known)
    rows = evaluated(with_exploration(system, lake, rows.filter(pc.is_valid(rows["label"])), days))
    if not rows.num_rows:
        problem = f"no labelled row is left on {days}, where version {model.version} was evaluated"
        raise DataQualityError(f"{problem}; build the training set of these days again")
    return rows


def _champion(
    system: SystemSpec, registry: Registry, version: int | None, rows: pa.Table
) -> tuple[Vector | None, list[Gate]]:
    """The champion's predictions; None where there is none, or a gate that says why it cannot be compared with."""
    if version is None:
        return None, []
    if not registry.has_version(version):
        problem = f"version {version} is not in the registry"
    else:
        rival = registry.load_onnx(version)
        absent = sorted(set(rival.columns) - set(rows.column_names))
        if not absent:
            return predict_rows(system, rival, rows), []
        problem = f"its columns {', '.join(absent)} are gone"
    detail = f"the champion cannot be compared with: {problem}"
    return None, [Gate(f"compare {system.gates.compare}", float("nan"), system.gates.tolerance, True, detail)]


def _blocks(system: SystemSpec, rows: pa.Table) -> NDArray[np.int64]:
    """The block of days of each row, counted from the first day."""
    days = np.asarray(rows["decided_at"].cast(pa.timestamp("us")).to_numpy()).astype("datetime64[D]").astype(np.int64)
    return np.asarray((days - days.min()) // system.gates.block.days)
