"""Batch scoring: the champion's predictions for every decision of some days."""

from __future__ import annotations

import datetime as dt
import logging

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.clients.mlflow import CHAMPION, LoadedModel, Registry
from ai_patterns.core.days import Days
from ai_patterns.core.exploration import assign
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.predictions import PARTITIONS, TABLE, batch_prediction_id, features_json
from ai_patterns.jobs.model_rows import predict_rows
from ai_patterns.jobs.training_set import TABLE as TRAINING_SETS
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


def score(system: SystemSpec, lake: Lake, registry: Registry, days: Days, *, at: dt.datetime | None = None) -> int:
    """Write the champion's batch predictions of `days`, in place of earlier ones; return their number.

    Predictions of the service on these days stay as they are. The same champion writes the same rows, but
    for `served_at`.

    Args:
        system: the system.
        lake: its lake; the training set of `days` must be there, labels need not.
        registry: its registry.
        days: UTC days of the decision time.
        at: `served_at` of the rows; now by default.

    Raises:
        ServiceUnavailableError: there is no champion or no training set.
    """
    version = registry.require_alias(CHAMPION)
    model = registry.load_onnx(version)
    rows = lake.read(TRAINING_SETS, days).sort_by([(name, "ascending") for name in _order(system)])
    table = _predictions(system, model, rows, at or dt.datetime.now(dt.UTC))
    replaced = f"{DAY} >= '{days.first}' AND {DAY} <= '{days.last}' AND mode = 'batch'"
    lake.replace_where(TABLE, table, replaced, PARTITIONS, widen=True)
    log.info("version %d scored %d decisions on %s", version, table.num_rows, days)
    return int(table.num_rows)


def _predictions(system: SystemSpec, model: LoadedModel, rows: pa.Table, at: dt.datetime) -> pa.Table:
    key = system.decision_stream.key
    features = list(dict.fromkeys((*system.decision.inputs, *model.columns)))
    count = rows.num_rows
    keys, scores = _tuples(rows, key), predict_rows(system, model, rows)
    explored = system.exploration and assign(system.exploration, keys, scores.tolist())
    columns = {
        "prediction_id": [batch_prediction_id(system.name, model.version, part) for part in keys],
        **{name: rows[name] for name in key},
        "decided_at": rows["decided_at"],
        "served_at": [at] * count,
        "features": [features_json(row) for row in rows.select(features).to_pylist()],
        "score": scores,
        "model_version": [model.version] * count,
        "degraded": [[]] * count,
        "mode": ["batch"] * count,
        "day": rows["day"],
        "explored": explored.explored if explored else [None] * count,
        "holdout": explored.holdout if explored else [None] * count,
        "propensity": explored.propensity if explored else [None] * count,
    }
    schema = prediction_schema(system)
    return pa.table([_column(columns[field.name], field.type) for field in schema], schema=schema)


def _column(values: object, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    return values.cast(kind) if isinstance(values, pa.ChunkedArray) else pa.array(values, kind)


def _tuples(rows: pa.Table, names: tuple[str, ...]) -> list[tuple[object, ...]]:
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))


def _order(system: SystemSpec) -> tuple[str, ...]:
    return ("decided_at", *system.decision_stream.key)
