"""The direct reader answers what Feast's own client does: all types, nulls, unknown and null keys, repeated rows."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import bakery
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.clients.online_store import OnlineStore
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.feature_store import apply_repository, materialize

NOON = bakery.DAYS.start + dt.timedelta(days=2, hours=12)
ROWS: dict[str, list[Any]] = {
    "shop": [*bakery.SHOPS, 99, None, 1, 1, -7],
    "product": ["rye", "croissant", "Käse & Brot", "rye", "rye", None, "rye", "no such"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    lake, system = Lake(str(folder / "lake"), "bakery"), bakery.bakery()
    bakery.publish(lake, system)
    apply_repository(system, lake, folder / "feast")
    materialize(system, lake, folder / "feast", NOON)
    return folder / "feast"


def test_equal_answers(folder: Path) -> None:
    system = bakery.bakery()
    keys = pa.table(ROWS, pa.schema([("shop", pa.int64()), ("product", pa.string())]))
    wanted = OnlineFeatureReader(system, folder).read(keys)
    found = OnlineStore(system, folder / "data" / "online.db", None).read(ROWS, 8, [NOON] * 8)
    assert found.columns == wanted.table.to_pydict()
    assert found.missing == wanted.missing
    assert {type(value) for values in found.columns.values() for value in values} == {
        *(float, int, bool, str, dt.datetime, type(None))
    }


def test_a_request_sees_one_state(folder: Path, tmp_path: Path) -> None:
    """Somebody wants to empty the store after each view that a request reads."""
    path = tmp_path / "online.db"
    path.write_bytes((folder / "data" / "online.db").read_bytes())
    store, refused = OnlineStore(bakery.bakery(), path, None), []

    class Meddled(dict[str, list[Any]]):
        """The first key is asked for before anything is read."""

        asked = 0

        def __getitem__(self, name: str) -> list[Any]:
            self.asked += 1
            if self.asked > 1:
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    empty(path)
                refused.append(name)
            return super().__getitem__(name)

    before = store.read(ROWS, 8, [NOON] * 8)
    assert store.read(Meddled(ROWS), 8, [NOON] * 8) == before
    assert refused
    empty(path)
    assert store.read(ROWS, 8, [NOON] * 8) != before, "and lets go of it"


def test_tiles_that_keep_a_request_waiting_keep_no_writer_waiting(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "online.db"
    path.write_bytes((folder / "data" / "online.db").read_bytes())

    class Tiles:
        def read(self, _: str, keys: list[tuple[Any, ...]], __: dt.datetime) -> list[None]:
            empty(path)
            return [None] * len(keys)

    store = OnlineStore(bakery.bakery(), path, None)
    before = store.read(ROWS, 8, [NOON] * 8)
    store._tiles = Tiles()  # type: ignore[assignment]  # no more is asked of them
    found = store.read(ROWS, 8, [NOON] * 8)
    stored = {view.name for view in store._views if not view.sliding}
    assert len(stored) < len(store._views)
    assert {name: found.missing[name] for name in stored} == {name: before.missing[name] for name in stored}
    assert not all(found.missing[min(stored)]), "and it was read before the writer came"


def empty(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=0)) as connection, connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            connection.execute(f'DELETE FROM "{table}"')


def test_a_file_that_is_no_store(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "online.db"
    store = OnlineStore(bakery.bakery(), broken, None)
    with pytest.raises(ServiceUnavailableError, match="online feature store"):
        store.check()
    broken.write_text("not a database")
    with pytest.raises(ServiceUnavailableError, match="not a database"):
        store.read(ROWS, 8, [NOON] * 8)
    broken.unlink()
    broken.write_bytes((folder / "data" / "online.db").read_bytes())
    store.check()
