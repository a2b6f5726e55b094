"""The review of a model that somebody else trained and registered, on labelled rows of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import ValidationError

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.comparison import Trial, evidence_gates
from ai_patterns.core.fitting import labels, slice_rows
from ai_patterns.core.ledger import champion
from ai_patterns.core.metrics import Vector, measure
from ai_patterns.core.promotion import Gate, Review, absolute_gates
from ai_patterns.errors import DataQualityError, SpecError
from ai_patterns.spec.model import OF_TASK, GatesSpec, Task

Score = Callable[[int, pa.Table], Vector]
"""A version's predictions of `n_rows` rows: P(positive) or the value."""

NOT_OF_A_SYSTEM = ("server", "approval")


@dataclass(frozen=True)
class Evaluation:
    """What registered models are compared on.

    Attributes:
        rows: the columns that the models read, `label`, and the instant of each row.
        at: the column that tells when each row was decided (a timestamp or a date), whose UTC days are resampled.
        task: what the models predict.
        gates: what a version must fulfil.
    """

    rows: pa.Table
    at: str
    task: Task
    gates: GatesSpec


def read_gates(told: Mapping[str, Any], task: Task) -> GatesSpec:
    """The gates of a registered model, which are those of a system but for what needs its server.

    Raises:
        SpecError: a field is unknown, wrong, or of no meaning here.
    """
    try:
        gates = GatesSpec.model_validate(dict(told))
    except ValidationError as error:
        details = error.errors()[0]
        raise SpecError(details["msg"], field=".".join(("gates", *map(str, details["loc"])))) from None
    for field in NOT_OF_A_SYSTEM:
        if field in gates.model_fields_set:
            raise SpecError("this gate needs a system with a `system.yaml`; leave it out", field=f"gates.{field}")
    for metric in (gates.compare, *gates.absolute, *gates.guards, *(["ece"] if gates.max_ece else [])):
        if metric not in OF_TASK[task]:
            raise SpecError(f"{metric!r} is no metric of {task}: {', '.join(OF_TASK[task])}", field="gates")
    return gates


def prepare(rows: pa.Table, label: str, at: str) -> pa.Table:
    """The labelled rows, their label named `label`.

    Raises:
        DataQualityError: a column is absent, or no row has a label.
    """
    absent = [name for name in (label, at) if name not in rows.column_names]
    if absent:
        have = ", ".join(rows.column_names)
        raise DataQualityError(f"the evaluation rows have no column {', '.join(map(repr, absent))}; they have: {have}")
    rows = rows.rename_columns(["label" if name == label else name for name in rows.column_names])
    rows = rows.filter(pc.is_valid(rows["label"]))
    if not rows.num_rows:
        raise DataQualityError(f"no evaluation row has a value in {label!r}")
    return rows


def review_registered(lake: Lake, registry: Registry, version: int, evaluation: Evaluation, score: Score) -> Review:
    """Hold a version against the gates, and against the ledger's champion on the same rows; changes nothing.

    Args:
        lake: where the ledger lies.
        registry: the model's registry.
        version: the version.
        evaluation: the rows and the gates.
        score: predicts rows by a version.

    Raises:
        ServiceRejectedError: the registry has no such version.
    """
    registry.require_version(version)
    gates, truth = evaluation.gates, labels(evaluation.rows)
    rival = champion(read_promotions(lake))
    predicted = score(version, evaluation.rows)
    against, gone = _champion(registry, rival if rival != version else None, evaluation, score)
    slices = slice_rows(evaluation.rows, gates.fairness.slices) if gates.fairness else {}
    metrics = measure(evaluation.task, truth, predicted)
    found = [*absolute_gates(gates, metrics), *gone]
    found += evidence_gates(gates, Trial(truth, predicted, against, _blocks(evaluation), slices))
    return Review(version, rival, tuple(found), metrics)


def _champion(
    registry: Registry, rival: int | None, evaluation: Evaluation, score: Score
) -> tuple[Vector | None, list[Gate]]:
    """The champion's predictions; a gate that says why it cannot be compared with, where it is gone."""
    if rival is None:
        return None, []
    if registry.has_version(rival):
        return score(rival, evaluation.rows), []
    gates = evaluation.gates
    detail = f"the champion cannot be compared with: version {rival} is not in the registry"
    return None, [Gate(f"compare {gates.compare}", float("nan"), gates.tolerance, True, detail)]


def _blocks(evaluation: Evaluation) -> NDArray[np.int64]:
    instants = evaluation.rows[evaluation.at].cast(pa.timestamp("us"))
    days = np.asarray(instants.to_numpy()).astype("datetime64[D]").astype(np.int64)
    return np.asarray((days - days.min()) // evaluation.gates.block.days)
