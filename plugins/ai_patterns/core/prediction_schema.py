"""The `predictions` table as Arrow has it."""

from __future__ import annotations

import pyarrow as pa

from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.predictions import Kind, prediction_columns
from ai_patterns.spec.system import SystemSpec

TIMESTAMP = ARROW_TYPES["timestamp"]


def prediction_schema(system: SystemSpec) -> pa.Schema:
    """Schema of the system's predictions, whose columns are those of `core.predictions.prediction_columns`."""
    return pa.schema([(name, _arrow_type(kind)) for name, kind in prediction_columns(system).items()])


def _arrow_type(kind: Kind) -> pa.DataType:
    if kind == "strings":
        return pa.list_(pa.string())
    return pa.date32() if kind == "date" else ARROW_TYPES[kind]
