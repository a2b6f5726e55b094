"""Vectors as the service logs them."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.predictions import features_json
from ai_patterns.spec.system import SystemSpec


def logged_vectors(system: SystemSpec, rows: pa.Table) -> pa.Table:
    """Rows of `predictions`, served now by version 1, from inputs, `decided_at` and the model's features."""
    wanted = list(dict.fromkeys([*system.decision.inputs, *system.model.columns]))
    count, decided = rows.num_rows, rows["decided_at"].to_pylist()
    columns = {name: rows[name] for name in system.decision_stream.key}
    columns |= {
        "prediction_id": [f"p-{key}" for key in rows["flight_id"].to_pylist()],
        "decided_at": decided,
        "served_at": [dt.datetime.now(dt.UTC)] * count,
        "features": [features_json(row) for row in rows.select(wanted).to_pylist()],
        "score": [0.5] * count,
        "model_version": [1] * count,
        "degraded": [[]] * count,
        "mode": ["online"] * count,
        **dict.fromkeys(("explored", "holdout", "propensity"), [None] * count),
        "day": [instant.date() for instant in decided],
    }
    schema = prediction_schema(system)
    return pa.table({name: columns[name] for name in schema.names}, schema)
