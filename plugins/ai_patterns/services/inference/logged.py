"""Scored rows on their way into the `predictions` table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ai_patterns.core.exploration import Assignment
from ai_patterns.core.expressions import Array
from ai_patterns.core.predictions import Mode, prediction_columns
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class Scored:
    """A batch of rows with their scores, one entry a row.

    Attributes:
        columns: inputs and stored features.
        made: on-demand features.
        scores: P(positive) or the value.
        ids: identity of each prediction.
        degraded: features whose entity was unknown.
        decided_at: when each decision is made, UTC.
        served_at: when its request was read, UTC.
        version: the model's.
        assignment: what exploration does with the rows, where the system declares one.
        mode: `shadow` where another version's scores were the answer.
    """

    columns: Mapping[str, list[Any]]
    made: Mapping[str, Array]
    scores: list[float]
    ids: list[str]
    degraded: list[list[str]]
    decided_at: list[dt.datetime]
    served_at: list[dt.datetime]
    version: int
    assignment: Assignment | None = None
    mode: Mode = "online"


def log_columns(system: SystemSpec, batches: Sequence[Scored]) -> dict[str, list[Any]]:
    """The rows as columns of the table, in its order."""
    wanted = list(dict.fromkeys([*system.decision.inputs, *system.model.columns]))
    decided_at = _every(batch.decided_at for batch in batches)
    columns: dict[str, Any] = {
        name: _every(batch.columns[name] for batch in batches) for name in system.decision_stream.key
    }
    columns |= {
        "prediction_id": _every(batch.ids for batch in batches),
        "decided_at": decided_at,
        "served_at": _every(batch.served_at for batch in batches),
        "features": _features(batches, wanted),
        "score": _every(batch.scores for batch in batches),
        "model_version": _every([batch.version] * len(batch.ids) for batch in batches),
        "degraded": _every(batch.degraded for batch in batches),
        "mode": _every([batch.mode] * len(batch.ids) for batch in batches),
        "day": [instant.date() for instant in decided_at],
    }
    for name in ("explored", "holdout", "propensity"):
        columns[name] = _every(_assigned(batch, name) for batch in batches)
    return {name: columns[name] for name in prediction_columns(system)}


def _every(parts: Iterable[list[Any]]) -> list[Any]:
    return [item for part in parts for item in part]


def _assigned(batch: Scored, name: str) -> list[Any]:
    found: list[Any] = getattr(batch.assignment, name, [None] * len(batch.ids))
    return found


def _features(batches: Sequence[Scored], wanted: Sequence[str]) -> list[str]:
    """What `core.predictions.features_json` writes of each row, whole columns at a time."""
    columns = [_plain(_every(_values(batch, name) for batch in batches)) for name in wanted]
    rows = zip(*columns, strict=True)
    encode = msgspec.json.Encoder().encode
    return [encode(dict(zip(wanted, row, strict=True))).decode() for row in rows]


def _values(batch: Scored, name: str) -> list[Any]:
    values: list[Any] = batch.made[name].tolist() if name in batch.made else batch.columns[name]
    return values


def _plain(values: list[Any]) -> list[Any]:
    return [value.isoformat() if isinstance(value, dt.datetime) else value for value in values]
