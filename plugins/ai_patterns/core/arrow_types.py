"""The Arrow type of each column type that a spec can declare."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from ai_patterns.spec.streams import ColumnType

ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
