"""Online features for the service: read directly where the store is SQLite, else through Feast's client."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml

from ai_patterns.clients.online_store import Columns, FoundFeatures, OnlineStore
from ai_patterns.clients.tile_notes import CONN_ID
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
                from ai_patterns.services.inference.feast_store import FeastStore  # and with it Arrow and pandas

                self._store = FeastStore(self._system, self._folder)
        return self._store


def _online_settings(folder: Path) -> dict[str, Any]:
    try:
        text = (folder / "feature_store.yaml").read_text("utf-8")
    except OSError:
        problem = f"there is no Feast repository in {folder}; run the feature_store DAG first"
        raise ServiceUnavailableError(problem, conn_id=CONN_ID) from None
    settings = yaml.safe_load(text).get("online_store") or {}
    return settings if isinstance(settings, dict) else {"type": settings}
