"""Online features through Feast's client: for every store that is not SQLite."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.clients.online_store import Columns, FoundFeatures
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.spec.system import SystemSpec


class FeastStore:
    """Answers as `OnlineStore` does, from whichever store the repository in `folder` names."""

    def __init__(self, system: SystemSpec, folder: Path) -> None:
        self._reader = OnlineFeatureReader(system, folder)
        keys = {key for group in (*system.groups, *system.lookups) for key in system.key_of(group)}
        self._types = {key: ARROW_TYPES[system.decision_stream.columns[key].type] for key in sorted(keys)}

    def read(self, rows: Columns, count: int, at: Sequence[dt.datetime]) -> FoundFeatures:
        """As of `OnlineStore`."""
        keys = {name: pa.array(rows[name], kind) for name, kind in self._types.items()}
        found = self._reader.read(pa.table(keys or {"row": pa.nulls(count)}), at)
        return FoundFeatures(found.table.to_pydict(), dict(found.missing))

    def check(self) -> None:
        """As of `OnlineStore`."""
        self._reader.check()
