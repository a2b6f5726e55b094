"""Tiles in SQLite."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import speed_layer
from ai_patterns.clients.tile_store_sqlite import SqliteTileStore
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from tile_store_conformance import Conformance, OpenStore


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    numbers = itertools.count()
    return lambda system, name=None: SqliteTileStore(system, tmp_path / f"{name or next(numbers)}.db")


class TestSqlite(Conformance):
    """The suite over SQLite."""


def test_a_file_that_was_put_back_is_refused(tmp_path: Path) -> None:
    system, path = speed_layer.streaming_system(), tmp_path / "tiles.db"
    store = SqliteTileStore(system, path)
    for name in ("tiles.db", "tiles.db-wal", "tiles.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(ServiceUnavailableError, match=r"tiles\.db"):
        store.boundary()
    SqliteTileStore(system, path)
    with pytest.raises(ServiceRejectedError, match="emptied or put back"):
        store.read("activity", [("a",)], speed_layer.START)
