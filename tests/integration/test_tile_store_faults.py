"""A speed layer that folds into SQLite ends at any of its calls to the store."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ai_patterns.clients.tile_store_sqlite import SqliteTileStore
from crash_points import crash_everywhere
from soak_figures import add_figures
from tile_store_conformance import OpenStore


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    numbers = itertools.count()
    return lambda system, name=None: SqliteTileStore(system, tmp_path / f"{name or next(numbers)}.db")


def test_no_crash_loses_or_doubles_an_event(open_store: OpenStore, request: pytest.FixtureRequest) -> None:
    figures = crash_everywhere(open_store, request.config.getoption("--crash-points"))
    add_figures(request.config.getoption("--figures"), "tiles in SQLite", figures)
