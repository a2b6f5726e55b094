"""The generated Feast repository: real apply, materialize, online and historical reads, equal to our tables."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import bakery
from ai_patterns.clients.feast import open_store
from ai_patterns.clients.feast_repository import feature_types, service_name, view_names
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.feature_store import apply_repository, check_freshness, materialize
from ai_patterns.spec.system import SystemSpec

NOON = bakery.DAYS.start + dt.timedelta(days=2, hours=12)
EARLIER = NOON - dt.timedelta(days=1)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def system() -> SystemSpec:
    return bakery.bakery()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, system: SystemSpec) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("lake")), system.name)
    bakery.publish(lake, system)
    return lake


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, system: SystemSpec, lake: Lake) -> Path:
    folder = tmp_path_factory.mktemp("feast")
    apply_repository(system, lake, folder)
    materialize(system, lake, folder, NOON)
    return folder


@pytest.fixture
def rows() -> pa.Table:
    pairs = [*itertools.product(bakery.SHOPS, bakery.PRODUCTS), (99, "rye"), (1, "cake"), (2, None)]
    shops, products = zip(*pairs, strict=True)
    return pa.table({"shop": pa.array(shops, pa.int64()), "product": pa.array(products, pa.string())})


def expected(lake: Lake, system: SystemSpec, view: str, row: dict[str, object], at: dt.datetime) -> dict | None:
    key = {name: row[name] for name in system.key_of(view)}
    if None in key.values():
        return None
    if view in system.groups:
        return bakery.newest(lake, view, key, at)
    found = [item for item in lake.read("dimensions/products").to_pylist() if item["product"] == key["product"]]
    return found[0] if found else None


def test_applying_twice_changes_nothing(system: SystemSpec, lake: Lake, tmp_path: Path) -> None:
    first = apply_repository(system, lake, tmp_path)
    definitions = (tmp_path / "features.py").read_text("utf-8")
    assert apply_repository(system, lake, tmp_path) == first == {"entities": 2, "views": 4, "services": 1}
    assert (tmp_path / "features.py").read_text("utf-8") == definitions


def test_a_registry_that_changed_by_another_hand_is_applied_again(
    system: SystemSpec, lake: Lake, tmp_path: Path
) -> None:
    counts = apply_repository(system, lake, tmp_path)
    store = open_store(tmp_path)
    store.delete_feature_view(view_names(system)[0])
    assert apply_repository(system, lake, tmp_path) == counts
    assert len(open_store(tmp_path).list_feature_views()) == counts["views"]
    (tmp_path / "data" / "registry.db").unlink()
    assert apply_repository(system, lake, tmp_path) == counts
    assert len(open_store(tmp_path).list_feature_views()) == counts["views"]


def test_a_standing_repository_is_left_alone(system: SystemSpec, lake: Lake, folder: Path) -> None:
    record = folder / "data" / "applied.json"
    apply_repository(system, lake, folder)
    materialize(system, lake, folder, NOON, overwrite_newer=True)
    before = record.stat().st_mtime_ns
    apply_repository(system, lake, folder)
    assert record.stat().st_mtime_ns == before


def test_a_person_can_apply_the_folder(folder: Path) -> None:
    before = {view.name: view for view in open_store(folder).list_feature_views()}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "FEAST_USAGE": "False"}
    command = [str(Path(sys.executable).with_name("feast")), "apply"]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {view.name: view for view in open_store(folder).list_feature_views()} == before


def test_a_view_that_left_the_spec_leaves_the_registry(system: SystemSpec, lake: Lake, tmp_path: Path) -> None:
    apply_repository(system, lake, tmp_path)
    smaller = system.model_copy(update={"lookups": {}})
    assert apply_repository(smaller, lake, tmp_path)["views"] == 3


def test_online_values_are_ours_to_the_bit(system: SystemSpec, lake: Lake, folder: Path, rows: pa.Table) -> None:
    answer = OnlineFeatureReader(system, folder).read(rows)
    for number, row in enumerate(rows.to_pylist()):
        for view in view_names(system):
            held = expected(lake, system, view, row, NOON)
            assert answer.missing[view][number] == (held is None)
            for feature in feature_types(system, view):
                name = f"{view}__{feature}"
                wanted = system.defaults.get(name) if held is None else held[feature]
                assert answer.table.column(name)[number].as_py() == wanted, (name, row)


def test_feasts_own_online_answer_is_ours(lake: Lake, folder: Path) -> None:
    store = open_store(folder)
    answer = store.get_online_features(
        features=["shop_product:burnt_1d", "shop_product:batch_1d"],
        entity_rows=[{"shop": 1, "product": "rye"}],
    ).to_dict()
    held = bakery.newest(lake, "shop_product", {"shop": 1, "product": "rye"}, NOON)
    assert (answer["burnt_1d"], answer["batch_1d"]) == ([held["burnt_1d"]], [held["batch_1d"]])


def test_history_is_ours_to_the_bit(system: SystemSpec, lake: Lake, folder: Path, rows: pa.Table) -> None:
    start = bakery.DAYS.start - DAY
    times = [start + (bakery.DAYS.end - start) * number / 60 for number in range(60)]
    table = pa.concat_tables([rows.append_column("event_timestamp", pa.array([time] * len(rows))) for time in times])
    store = open_store(folder)
    service = store.get_feature_service(service_name(system))
    history = store.get_historical_features(table.to_pandas(), service, full_feature_names=True).to_arrow()
    assert history.num_rows == table.num_rows
    for row in history.to_pylist():
        for view in view_names(system):
            held = expected(lake, system, view, row, row["event_timestamp"])
            for feature, kind in feature_types(system, view).items():
                wanted = held and held[feature]
                if kind == "timestamp" and wanted is not None:
                    wanted = (wanted - dt.datetime.fromtimestamp(0, dt.UTC)) // dt.timedelta(microseconds=1)
                assert row[f"{view}__{feature}"] == wanted, (view, feature, row)


def test_naive_history_times_are_utc(lake: Lake, folder: Path) -> None:
    frame = pd.DataFrame({"shop": [1], "event_timestamp": [NOON.replace(tzinfo=None)]})
    history = open_store(folder).get_historical_features(frame, ["shop_now:minutes_3h"]).to_df()
    assert history["minutes_3h"].tolist() == [bakery.newest(lake, "shop_now", {"shop": 1}, NOON)["minutes_3h"]]


def test_an_older_window_leaves_newer_values(system: SystemSpec, lake: Lake, tmp_path: Path, rows: pa.Table) -> None:
    apply_repository(system, lake, tmp_path)
    written = materialize(system, lake, tmp_path, NOON)
    assert written == {"everywhere": 1, "shop_now": 3, "shop_product": 9, "product": 2}
    reader = OnlineFeatureReader(system, tmp_path)
    newer = reader.read(rows).table
    assert set(materialize(system, lake, tmp_path, EARLIER).values()) == {0}
    assert reader.read(rows).table == newer
    assert materialize(system, lake, tmp_path, EARLIER, overwrite_newer=True) == written
    assert reader.read(rows).table != newer
    materialize(system, lake, tmp_path, NOON)
    assert reader.read(rows).table == newer


def test_feasts_own_materialize_writes_the_same(
    system: SystemSpec, lake: Lake, folder: Path, tmp_path: Path, rows: pa.Table
) -> None:
    apply_repository(system, lake, tmp_path)
    # Feast converts a column with nulls to doubles on its way, so whole numbers beyond 2^53 are left out.
    views = ["everywhere", "shop_now"]
    open_store(tmp_path).materialize(bakery.DAYS.start, NOON, feature_views=views)
    ours, theirs = (OnlineFeatureReader(system, where).read(rows).table for where in (folder, tmp_path))
    for name in ours.column_names:
        if name.split("__")[0] in views:
            assert ours.column(name) == theirs.column(name), name


def test_freshness_tells_the_age(system: SystemSpec, lake: Lake, folder: Path, tmp_path: Path) -> None:
    fresh = check_freshness(system, lake, folder, NOON + dt.timedelta(hours=2))
    assert [row["value"] for row in fresh] == [2.0] * 4
    assert all(row["passed"] for row in fresh)
    stale = check_freshness(system, lake, folder, NOON + 2 * DAY)
    assert not any(row["passed"] for row in stale)
    assert {row["detail"] for row in check_freshness(system, lake, tmp_path, NOON)} == {"never materialized"}


def test_what_is_absent_is_named(system: SystemSpec, tmp_path: Path, rows: pa.Table) -> None:
    with pytest.raises(ServiceUnavailableError, match="ai_patterns_online_store"):
        OnlineFeatureReader(system, tmp_path).read(rows)
    empty = Lake(str(tmp_path / "lake"), system.name)
    apply_repository(system, empty, tmp_path / "feast")
    with pytest.raises(ServiceUnavailableError, match="ai_patterns_lake"):
        materialize(system, empty, tmp_path / "feast", NOON)
