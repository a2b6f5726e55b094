"""Online features for the service: read directly where the store is SQLite, else through Feast's client."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from ruamel.yaml import YAML

from ai_patterns.clients.online_store import Columns, FoundFeatures, OnlineStore
from ai_patterns.clients.tile_store import CONN_ID
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.spec.system import SystemSpec


class Store(Protocol):
    """What answers feature look-ups."""

    def read(self, rows: Columns, count: int, at: Sequence[dt.datetime]) -> FoundFeatures: ...  # noqa: D102
    def check(self) -> None: ...  # noqa: D102


class FeatureReader:
    """Opens the repository in `folder` when it is first needed: it may be applied after the service has started."""

    def __init__(self, system: SystemSpec, folder: Path) -> None:
        self._system, self._folder = system, folder
        self._store: Store | None = None

    def read(self, rows: Columns, count: int, at: Sequence[dt.datetime]) -> FoundFeatures:
        """Every feature of every row, as `OnlineStore.read` has it.

        Raises:
            ServiceUnavailableError: the repository was not applied or its store cannot be read.
        """
        if not (self._system.groups or self._system.lookups):
            return FoundFeatures({}, {})
        return self._open().read(rows, count, at)

    def check(self) -> None:
        """Raise `ServiceUnavailableError` unless the store can be read."""
        if self._system.groups or self._system.lookups:
            self._open().check()

    def _open(self) -> Store:
        if self._store is None:
            settings = _online_settings(self._folder)
            if "path" in settings:
                self._store = OnlineStore(self._system, settings["path"], settings.get("tiles"))
            else:
                self._store = _FeastStore(self._system, self._folder)
        return self._store


class _FeastStore:
    """Any other online store, through Feast's client."""

    def __init__(self, system: SystemSpec, folder: Path) -> None:
        from ai_patterns.clients.online_features import OnlineFeatureReader

        self._reader = OnlineFeatureReader(system, folder)
        keys = {key for group in (*system.groups, *system.lookups) for key in system.key_of(group)}
        self._types = {key: ARROW_TYPES[system.decision_stream.columns[key].type] for key in sorted(keys)}

    def read(self, rows: Columns, count: int, at: Sequence[dt.datetime]) -> FoundFeatures:
        keys = {name: pa.array(rows[name], kind) for name, kind in self._types.items()}
        found = self._reader.read(pa.table(keys or {"row": pa.nulls(count)}), at)
        return FoundFeatures(found.table.to_pydict(), dict(found.missing))

    def check(self) -> None:
        self._reader.check()


def _online_settings(folder: Path) -> dict[str, Any]:
    try:
        text = (folder / "feature_store.yaml").read_text("utf-8")
    except OSError:
        problem = f"there is no Feast repository in {folder}; run the feature_store DAG first"
        raise ServiceUnavailableError(problem, conn_id=CONN_ID) from None
    settings = YAML(typ="safe").load(text).get("online_store") or {}
    return settings if isinstance(settings, dict) else {"type": settings}
