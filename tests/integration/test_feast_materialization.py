"""The materialization engine, through Feast's `materialize` and `materialize_incremental`."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from feast import FeatureStore, FeatureView, Field, FileSource
from feast.data_format import DeltaFormat
from feast.types import Float64

from feast_shop import NOW, driver, dump, open_repository, read, ride, rides, table

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
ENGINE = "batch_engine: {type: ai_patterns.feast.MaterializationEngine}\n"
OURS = "offline_store: {type: ai_patterns.feast.DuckDBOfflineStore}\n" + ENGINE
SQLITE = "ai_patterns.feast.SqliteOnlineStore"


def repository(folder: Path, extra: str = OURS, online: str = SQLITE) -> tuple[FeatureStore, FeatureView]:
    store = open_repository(folder, online, extra=extra)
    (folder / "rides").mkdir()
    land(folder, "first", ride(1, 1.0, NOW - 3 * DAY), ride(1, 2.0, NOW - 2 * DAY), ride(2, 9.0, NOW - 2 * HOUR))
    view = rides(folder, path=str(folder / "rides"))
    store.apply([driver(), view])
    return store, view


def land(folder: Path, name: str, *rows: dict) -> None:
    pq.write_table(table(*rows), folder / "rides" / f"{name}.parquet")


def test_it_writes_what_feasts_engine_writes(tmp_path: Path) -> None:
    ours, theirs = repository(tmp_path / "ours"), repository(tmp_path / "theirs", "", "sqlite")
    for store, _ in (ours, theirs):
        store.materialize(NOW - 4 * DAY, NOW)
    assert dump(*ours) == dump(*theirs)
    assert read(ours[0], 1, 2)["rating"] == [2.0, 9.0]


def test_an_older_window_leaves_what_is_newer_and_the_ledger_counts_it(tmp_path: Path) -> None:
    """Feast's own engine and store take the value back."""
    ours, theirs = repository(tmp_path / "ours"), repository(tmp_path / "theirs", "", "sqlite")
    for store, _ in (ours, theirs):
        store.materialize(NOW - 4 * DAY, NOW)
        store.materialize(NOW - 4 * DAY, NOW - 3 * DAY + HOUR)
    assert read(theirs[0], 1)["rating"] == [1.0]
    assert read(ours[0], 1)["rating"] == [2.0]
    runs = ours[0].provider.batch_engine.ledger.runs("rides")
    assert [(run.entities, run.older) for run in runs] == [(2, 0), (0, 1)]
    assert (runs[1].start, runs[1].end) == (NOW - 4 * DAY, NOW - 3 * DAY + HOUR)


@pytest.mark.parametrize("form", ["parquet", "delta"])
def test_rows_that_arrive_late_are_not_lost(tmp_path: Path, form: str) -> None:
    """They lie in a window that is done: Feast's incremental run never sees them."""
    found = {}
    sides = {"ours": (OURS, SQLITE), "theirs": ("", "sqlite")}
    if form == "delta":
        del sides["theirs"]  # its default store reads Delta by a package that is not in the lock
    for name, (extra, online) in sides.items():
        folder = tmp_path / name
        store, view = repository(folder, extra, online)
        if form == "delta":
            write_deltalake(folder / "delta", table(ride(1, 2.0, NOW - 2 * DAY), ride(2, 9.0, NOW - 2 * HOUR)))
            view = rides(folder, path=str(folder / "delta"), file_format=DeltaFormat())
            store.apply([view])
        store.materialize(NOW - 4 * DAY, NOW - HOUR)
        late = (ride(1, 7.0, NOW - DAY), ride(3, 3.0, NOW - DAY), ride(2, 0.0, NOW - 3 * DAY))
        if form == "delta":
            write_deltalake(folder / "delta", table(*late), mode="append")
        else:
            land(folder, "late", *late)
        store.materialize_incremental(NOW)
        found[name] = read(store, 1, 2, 3)["rating"]
        if name == "ours":
            assert [(run.entities, run.older) for run in store.provider.batch_engine.ledger.runs("rides")][1] == (2, 1)
            store.materialize_incremental(NOW + HOUR)
            assert store.provider.batch_engine.ledger.runs("rides")[2].entities == 0
    assert found.pop("ours") == [7.0, 9.0, 3.0]
    assert all(rating == [2.0, 9.0, None] for rating in found.values())


def test_a_view_without_entities_and_mapped_columns(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    store = open_repository(folder, SQLITE, extra=OURS)
    pq.write_table(
        table(ride(1, 1.0, NOW - DAY), ride(1, 2.0, NOW - HOUR)).rename_columns(
            ["drv", "stars", "city", "moment", "made"]
        ),
        folder / "renamed.parquet",
    )
    mapping = {"drv": "driver_id", "stars": "rating", "moment": "at", "made": "created"}
    mapped = rides(folder, path=str(folder / "renamed.parquet"), field_mapping=mapping)
    source = FileSource(name="one", path=str(folder / "renamed.parquet"), timestamp_field="moment")
    alone = FeatureView(name="alone", entities=[], schema=[Field(name="stars", dtype=Float64)], source=source)
    store.apply([driver(), mapped, alone])
    store.materialize(NOW - 2 * DAY, NOW)
    assert read(store, 1)["rating"] == [2.0]
    assert store.get_online_features(["alone:stars"], [{"driver_id": 1}]).to_dict()["stars"] == [2.0]


def test_it_serves_feasts_stores_too(tmp_path: Path) -> None:
    store, _ = repository(tmp_path / "mixed", ENGINE, "sqlite")
    store.materialize(NOW - 4 * DAY, NOW)
    assert read(store, 1, 2)["rating"] == [2.0, 9.0]


def test_a_failure_is_raised_and_not_noted(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    store, _ = repository(folder)
    land(folder, "bad", ride(1, 1.0, NOW) | {"driver_id": None})
    with pytest.raises(ValueError, match="'driver_id' is null in 1 rows"):
        store.materialize(NOW - 4 * DAY, NOW)
    assert store.provider.batch_engine.ledger.runs("rides") == []


def test_a_dropped_view_is_forgotten(tmp_path: Path) -> None:
    store, view = repository(tmp_path / "dropped")
    store.materialize(NOW - 4 * DAY, NOW)
    store.apply([], objects_to_delete=[view], partial=False)
    assert store.provider.batch_engine.ledger.runs("rides") == []


def test_the_plug_ins_need_no_airflow_and_nothing_of_ours() -> None:
    script = (
        "import sys; sys.modules['airflow'] = None\n"
        "import ai_patterns.feast as feast\n"
        "[getattr(feast, name) for name in feast.__all__]\n"
        "ours = {name.split('.')[1] for name in sys.modules if name.startswith('ai_patterns.')}\n"
        "assert ours <= {'feast', 'core', 'errors'}, ours\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": "plugins"}, timeout=120)
