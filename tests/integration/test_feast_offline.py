"""What Feast's documentation promises of an offline store, held by ours, through Feast's own interface."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from feast import (
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    PushSource,
    RequestSource,
    ValueType,
)
from feast.data_format import DeltaFormat
from feast.data_source import PushMode
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64, String

from feast_shop import NOW, driver, frame, open_repository, ride, rides, table

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
SETTINGS = "offline_store: {type: ai_patterns.feast.DuckDBOfflineStore, memory_limit: 1GB, threads: 2}\n"
ROWS = (
    ride(1, 1.0, NOW - 3 * DAY),
    ride(1, 2.0, NOW - DAY, NOW),
    ride(1, 2.5, NOW - DAY, NOW + HOUR),
    ride(1, 3.0, NOW - HOUR, NOW + DAY),
    ride(2, 9.0, NOW - 2 * HOUR),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop") / "repository"


@pytest.fixture(scope="module")
def store(folder: Path) -> FeatureStore:
    store = open_repository(folder, "ai_patterns.feast.SqliteOnlineStore", extra=SETTINGS)
    pq.write_table(table(*ROWS), folder / "rides.parquet")
    write_deltalake(folder / "delta", table(*ROWS))
    renamed = table(*ROWS).rename_columns(["drv", "stars", "city", "moment", "made"])
    pq.write_table(renamed, folder / "renamed.parquet")
    pq.write_table(table(*ROWS), folder / "pushed.parquet")
    pq.write_table(pa.table({"at": [NOW - DAY, NOW - HOUR], "price": [1.0, 2.0]}), folder / "prices.parquet")
    delta = rides(folder, name="delta", path=str(folder / "delta"), file_format=DeltaFormat())
    mapping = {"drv": "driver_id", "stars": "rating", "moment": "at", "made": "created"}
    mapped = rides(folder, name="mapped", path=str(folder / "renamed.parquet"), field_mapping=mapping)
    known = rides(folder, name="known", tags={"known_time": "created"})
    prices = FeatureView(
        name="prices",
        entities=[],
        schema=[Field(name="price", dtype=Float64)],
        source=FileSource(name="prices", path=str(folder / "prices.parquet"), timestamp_field="at"),
    )
    batch = FileSource(
        name="pushed_file",
        path=str(folder / "pushed.parquet"),
        timestamp_field="at",
        created_timestamp_column="created",
    )
    schema = [
        Field(name="driver_id", dtype=Int64),
        Field(name="rating", dtype=Float64),
        Field(name="city", dtype=String),
    ]
    pushed = FeatureView(
        name="pushed", entities=[driver()], schema=schema, source=PushSource(name="push", batch_source=batch)
    )
    plain, short = rides(folder), rides(folder, ttl=DAY, name="short")
    request = RequestSource(name="asked", schema=[Field(name="bonus", dtype=Float64)])

    @on_demand_feature_view(
        sources=[plain, request], schema=[Field(name="total", dtype=Float64)], mode="pandas", name="computed"
    )
    def computed(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"total": inputs["rating"] + inputs["bonus"]})

    service = FeatureService(name="service", features=[plain[["rating"]], prices])
    store.apply([driver(), plain, short, delta, mapped, known, prices, pushed, computed, service])
    return store


def asked(*rows: tuple[int, dt.datetime], **more: Any) -> pd.DataFrame:
    numbers, moments = zip(*rows, strict=True)
    return pd.DataFrame({"driver_id": numbers, "event_timestamp": pd.to_datetime(list(moments), utc=True), **more})


def ratings(store: FeatureStore, view: str, *rows: tuple[int, dt.datetime], **flags: Any) -> list[float | None]:
    found = store.get_historical_features(asked(*rows), [f"{view}:rating"], **flags).to_arrow()
    return found.column("rating").to_pylist()


@pytest.mark.parametrize("view", ["rides", "delta", "mapped"])
def test_each_row_has_the_newest_value_at_its_time(store: FeatureStore, view: str) -> None:
    """Parquet, Delta, and columns under other names; ties go to the later created time; no row is lost or moved."""
    rows = [(2, NOW), (1, NOW), (1, NOW - 2 * HOUR), (404, NOW), (1, NOW - 9 * DAY), (1, NOW), (1, NOW - DAY)]
    assert ratings(store, view, *rows) == [9.0, 3.0, 2.5, None, None, 3.0, 2.5]


def test_a_value_past_its_ttl_is_absent(store: FeatureStore) -> None:
    assert ratings(store, "short", (1, NOW - 2 * DAY), (1, NOW - 2 * DAY - HOUR), (1, NOW)) == [1.0, 1.0, 3.0]
    assert ratings(store, "short", (1, NOW - DAY - dt.timedelta(microseconds=1))) == [None]


def test_known_time_hides_what_was_corrected_later(store: FeatureStore) -> None:
    """Declared by the source, or asked for as Feast has it; here the correction came an hour after the decision."""
    rows = [(1, NOW), (1, NOW + HOUR), (1, NOW + DAY), (1, NOW - HOUR), (2, NOW)]
    assert ratings(store, "rides", *rows) == [3.0, 3.0, 3.0, 3.0, 9.0]
    assert ratings(store, "known", *rows) == [2.0, 2.5, 3.0, None, 9.0]
    assert ratings(store, "rides", *rows, filter_by_created_timestamp=True) == [2.0, 2.5, 3.0, None, 9.0]


def test_ties_do_not_depend_on_the_order_of_rows(store: FeatureStore, folder: Path) -> None:
    tied = [ride(7, float(value), NOW, NOW) for value in range(20)]
    pushed = folder / "pushed.parquet"
    found = set()
    for rows in (tied, tied[::-1], tied[10:] + tied[:10]):
        pq.write_table(table(*ROWS, *rows), pushed)
        found.add(ratings(store, "pushed", (7, NOW))[0])
    pq.write_table(table(*ROWS), pushed)
    assert len(found) == 1


def test_names_services_and_views_without_entities(store: FeatureStore) -> None:
    service = store.get_feature_service("service")
    found = store.get_historical_features(asked((1, NOW), (2, NOW - 2 * HOUR)), service, full_feature_names=True)
    assert found.to_df().drop(columns="event_timestamp").to_dict("list") == {
        "driver_id": [1, 2],
        "rides__rating": [3.0, 9.0],
        "prices__price": [2.0, 1.0],
    }


def test_entity_rows_as_sql_text_and_naive_times(store: FeatureStore) -> None:
    query = f"SELECT 1 AS driver_id, TIMESTAMPTZ '{NOW.isoformat()}' AS event_timestamp UNION ALL SELECT 404, NULL"
    found = store.get_historical_features(query, ["rides:rating"]).to_arrow()
    assert found.column("rating").to_pylist() == [3.0, None]
    naive = pd.DataFrame({"driver_id": [1], "event_timestamp": [NOW.replace(tzinfo=None)]})
    assert store.get_historical_features(naive, ["rides:rating"]).to_df()["rating"].tolist() == [3.0]
    other = naive.rename(columns={"event_timestamp": "decided"}).assign(notes=[{"free": ["form"]}])
    found = store.get_historical_features(other, ["rides:rating"]).to_df()
    assert list(found.columns) == ["driver_id", "decided", "notes", "rating"]


def test_join_keys_by_another_name(store: FeatureStore) -> None:
    main = store.get_feature_view("rides").with_name("main")
    second = store.get_feature_view("rides").with_name("second").with_join_key_map({"driver_id": "relief_id"})
    both = FeatureService(name="both", features=[main[["rating"]], second[["rating"]]])
    store.apply([both])
    rows = asked((1, NOW)).assign(relief_id=[2])
    found = store.get_historical_features(rows, both, full_feature_names=True).to_df()
    assert found[["main__rating", "second__rating"]].to_numpy().tolist() == [[3.0, 9.0]]
    with pytest.raises(ValueError, match=r"no column \['relief_id'\]"):
        store.get_historical_features(asked((1, NOW)), both, full_feature_names=True)


def test_without_entity_rows_every_entity_of_the_range_is_told(store: FeatureStore) -> None:
    job = store.get_historical_features(features=["rides:rating"], start_date=NOW - DAY, end_date=NOW)
    assert job.to_df()[["driver_id", "rating"]].to_numpy().tolist() == [[1, 3.0], [2, 9.0]]
    earlier = store.get_historical_features(features=["rides:rating"], start_date=NOW - 4 * DAY, end_date=NOW - 2 * DAY)
    assert earlier.to_df()[["driver_id", "rating"]].to_numpy().tolist() == [[1, 1.0]]


def test_on_demand_views_are_computed(store: FeatureStore) -> None:
    found = store.get_historical_features(asked((1, NOW), bonus=[0.5]), ["computed:total"]).to_df()
    assert found["total"].tolist() == [3.5]


@pytest.mark.parametrize("path", ["saved.parquet", "saved_folder", "saved_delta"])
def test_a_saved_data_set_is_what_was_retrieved(store: FeatureStore, folder: Path, path: str) -> None:
    form = {"file_format": DeltaFormat()} if path.endswith("delta") else {}
    storage = SavedDatasetFileStorage(path=str(folder / path), **form)
    job = store.get_historical_features(asked((1, NOW), (2, NOW)), ["rides:rating"])
    store.create_saved_dataset(job, name=path, storage=storage)
    found = store.get_saved_dataset(path).to_df().sort_values("driver_id")
    assert found["rating"].tolist() == [3.0, 9.0]
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        store.create_saved_dataset(job, name=path, storage=storage)
    fewer = store.get_historical_features(asked((2, NOW)), ["rides:rating"])
    store.create_saved_dataset(fewer, name=path, storage=storage, allow_overwrite=True)
    assert store.get_saved_dataset(path).to_df()["rating"].tolist() == [9.0]


@pytest.mark.parametrize("view", ["delta", "mapped", "pushed"])
def test_rows_are_written_to_the_offline_store(store: FeatureStore, view: str) -> None:
    new = frame(ride(5, 5.5, NOW))
    if view == "mapped":
        new.columns = ["drv", "stars", "city", "moment", "made"]
    store.write_to_offline_store(view, new)
    assert ratings(store, view, (5, NOW), (1, NOW)) == [5.5, 3.0]
    with pytest.raises(ValueError, match="columns"):
        store.write_to_offline_store(view, new.drop(columns="city"))


def test_a_push_reaches_both_stores(store: FeatureStore) -> None:
    store.push("push", frame(ride(6, 6.5, NOW)), to=PushMode.ONLINE_AND_OFFLINE)
    assert ratings(store, "pushed", (6, NOW)) == [6.5]
    answer = store.get_online_features(["pushed:rating"], [{"driver_id": 6}])
    assert answer.to_dict()["rating"] == [6.5]


def test_a_source_of_another_kind_is_refused_by_name(store: FeatureStore) -> None:
    from feast.infra.offline_stores.bigquery_source import BigQuerySource

    with pytest.raises(TypeError, match="'elsewhere' is a BigQuerySource"):
        store.provider.offline_store.pull_all_from_table_or_query(
            store.config, BigQuerySource(name="elsewhere", table="a.b.c"), ["driver_id"], ["rating"], "at"
        )


def test_the_default_store_loses_rows_where_ours_does_not(store: FeatureStore, folder: Path) -> None:
    """Two rows that differ in nothing are one for Feast's default store."""
    theirs = open_repository(folder.parent / "theirs", "sqlite")
    theirs.apply([driver(), rides(folder)])
    rows = [(1, NOW), (1, NOW), (2, NOW)]
    assert len(theirs.get_historical_features(asked(*rows), ["rides:rating"]).to_df()) < len(rows)
    assert ratings(store, "rides", *rows) == [3.0, 3.0, 9.0]


def test_keys_of_two_columns(store: FeatureStore, folder: Path) -> None:
    city = Entity(name="city", join_keys=["city"], value_type=ValueType.STRING)
    source = FileSource(name="pairs", path=str(folder / "rides.parquet"), timestamp_field="at")
    schema = [
        Field(name="driver_id", dtype=Int64),
        Field(name="city", dtype=String),
        Field(name="rating", dtype=Float64),
    ]
    store.apply([city, FeatureView(name="pairs", entities=[driver(), city], schema=schema, source=source)])
    rows = asked((1, NOW), (1, NOW)).assign(city=["c1", "elsewhere"])
    found = store.get_historical_features(rows, ["pairs:rating"]).to_df()
    assert found["rating"].tolist()[0] == 3.0
    assert found["rating"].isna().tolist() == [False, True]
