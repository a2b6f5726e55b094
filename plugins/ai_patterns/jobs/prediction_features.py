"""Features as they were when a prediction was made, read back from the prediction log."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.predictions import TABLE
from ai_patterns.engines import duckdb
from ai_patterns.spec.system import SystemSpec


def prediction_features(system: SystemSpec, lake: Lake, days: Days, features: Sequence[str]) -> pa.Table:
    """The predictions decided on `days` with the named features as columns beside them.

    Categorical features and those that the decision stream declares as a string are strings; all others are
    numbers, true being 1 and false 0.
    """
    key = system.decision_stream.key
    plain = [*key, "day", "prediction_id", "decided_at", "served_at", "score", "model_version", "mode"]
    columns = [*plain, *(_extract(system, name) for name in features if name not in plain)]
    predictions = lake.dataset(TABLE, days)
    return duckdb.run(
        f"SELECT {', '.join(columns)} FROM predictions ORDER BY served_at, prediction_id",
        {"predictions": predictions},
    )


def _extract(system: SystemSpec, name: str) -> str:
    path = f"'$.\"{name}\"'"
    declared = system.decision_stream.columns.get(name)
    words = name in system.model.categorical or (declared is not None and declared.type == "string")
    if words:
        return f'json_extract_string(features, {path}) AS "{name}"'
    # Cast as JSON: the text "true" would be no number.
    return f'TRY_CAST(json_extract(features, {path}) AS DOUBLE) AS "{name}"'
