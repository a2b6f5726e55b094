"""The `predictions` table: the same columns for the batch job and for the service."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ai_patterns.spec.streams import ColumnType
from ai_patterns.spec.system import SystemSpec

TABLE = "predictions"
PARTITIONS = ("day", "mode")
"""Partition columns: a batch run replaces its own files and never touches what the service logged."""

SHADOW_TABLE = "shadow_predictions"
"""Scores that were nobody's answer, in a table of their own and the same schema: whoever reads predictions never
meets one."""

Mode = Literal["online", "batch", "shadow"]

Kind = Literal[ColumnType, "strings", "date"]
"""Type of a column: one that a spec can declare, a list of strings, or a day."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "ai-patterns/predictions")


def prediction_columns(system: SystemSpec) -> dict[str, Kind]:
    """Columns of the system's predictions.

    `features` is a JSON object of every decision input and every column of the model, as they were when the
    score was made; `degraded` lists the features that stood in for an answer that did not come; `day` is the
    UTC day of `decided_at`. `explored`, `holdout` and `propensity` (`core.exploration`) are null where the system
    declares no exploration.
    """
    stream = system.decision_stream
    return {
        "prediction_id": "string",
        **{name: stream.columns[name].type for name in stream.key},
        "decided_at": "timestamp",
        "served_at": "timestamp",
        "features": "string",
        "score": "double",
        "model_version": "integer",
        "degraded": "strings",
        "mode": "string",
        "day": "date",
        "explored": "boolean",
        "holdout": "boolean",
        "propensity": "double",
    }


def batch_prediction_id(system_name: str, model_version: int, key: Iterable[object]) -> str:
    """Identity of a batch prediction: the same decision and version give the same id (UUID version 5, RFC 9562).

    >>> batch_prediction_id("flights", 3, ["UA1"]) == batch_prediction_id("flights", 3, ["UA1"])
    True
    >>> batch_prediction_id("flights", 3, ["UA1"]) == batch_prediction_id("flights", 4, ["UA1"])
    False
    """
    name = json.dumps([system_name, model_version, [json_value(part) for part in key]])
    return str(uuid.uuid5(_NAMESPACE, name))


def features_json(values: Mapping[str, object]) -> str:
    """Write feature values as JSON: instants in ISO 8601, NaN as null.

    >>> features_json({"origin": "EWR", "delay": float("nan"), "left": dt.datetime(2013, 1, 1, tzinfo=dt.UTC)})
    '{"origin":"EWR","delay":null,"left":"2013-01-01T00:00:00+00:00"}'
    """
    return json.dumps({name: json_value(value) for name, value in values.items()}, separators=(",", ":"))


def json_value(value: object) -> Any:
    """A feature's value as the log writes it.

    >>> json_value(float("inf")) is None
    True
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    return value
