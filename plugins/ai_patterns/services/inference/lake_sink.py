"""Predictions straight into the lake: the one part of the service that needs Arrow and Delta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.predictions import PARTITIONS, TABLE
from ai_patterns.services.inference.logged import Scored, log_columns
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class LakeSink:
    """Appends to a table of the lake, one commit a write."""

    system: SystemSpec
    lake: Lake
    table: str = TABLE
    name: ClassVar[str] = "the lake"
    conn_id: ClassVar[str] = "ai_patterns_lake"
    write_rows: ClassVar[int] = 4096  # each write is a commit and a file

    def write(self, batches: Sequence[Scored]) -> None:
        """Append the rows."""
        self.lake.append(self.table, log_table(self.system, batches), PARTITIONS, widen=True)


def log_table(system: SystemSpec, batches: Sequence[Scored]) -> pa.Table:
    """The rows as the lake keeps them."""
    return pa.table(log_columns(system, batches), prediction_schema(system))
