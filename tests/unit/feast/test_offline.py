"""A read of one day through Feast opens that day's files alone: the files of all other days are gone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from feast import FeatureStore, FeatureView
from feast.data_format import DeltaFormat

from ai_patterns.feast.offline import DuckDBOfflineStore
from feast_shop import driver, open_repository, ride, rides, table

DAY = dt.timedelta(days=1)
MONDAY = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
WEDNESDAY = MONDAY + 2 * DAY
ANOTHER_DAY = "day=2024-01-0[^3]"
OFFLINE = "offline_store: {type: ai_patterns.feast.DuckDBOfflineStore}\n"


@pytest.fixture
def shop(tmp_path: Path) -> tuple[FeatureStore, FeatureView]:
    """Rides of a week in a Delta table, a file a day, of which only Wednesday's is left; they hold for a day."""
    folder = tmp_path / "shop"
    store = open_repository(folder, "ai_patterns.feast.SqliteOnlineStore", extra=OFFLINE)
    moments = [MONDAY + number * DAY for number in range(7)]
    rows = table(*(ride(1, float(number), moment, moment) for number, moment in enumerate(moments)))
    days = pa.array([moment.date() for moment in moments], pa.date32())
    write_deltalake(folder / "rides", rows.append_column("day", days), partition_by=["day"])
    for file in DeltaTable(folder / "rides").file_uris():
        if "day=2024-01-03" not in file:
            Path(file).unlink()
    view = rides(folder, ttl=DAY - dt.timedelta(hours=1), path=str(folder / "rides"), file_format=DeltaFormat())
    store.apply([driver(), view])
    return store, view


def pulled(store: FeatureStore, view: FeatureView, start: dt.datetime, end: dt.datetime) -> list[Any]:
    names = (["driver_id"], ["rating"], "at", "created")
    job = DuckDBOfflineStore.pull_latest_from_table_or_query(store.config, view.batch_source, *names, start, end)
    return job.to_arrow()["rating"].to_pylist()


def test_one_days_window_is_pulled(shop: tuple[FeatureStore, FeatureView]) -> None:
    hour = dt.timedelta(hours=1)
    assert pulled(*shop, WEDNESDAY - hour, WEDNESDAY + hour) == [2.0]
    with pytest.raises(Exception, match=ANOTHER_DAY):
        pulled(*shop, MONDAY, WEDNESDAY + hour)


def test_one_days_entities_are_joined(shop: tuple[FeatureStore, FeatureView]) -> None:
    store, _ = shop

    def ratings(*moments: dt.datetime) -> list[Any]:
        asked = pd.DataFrame({"driver_id": 1, "event_timestamp": pd.to_datetime(list(moments), utc=True)})
        return store.get_historical_features(asked, ["rides:rating"]).to_arrow()["rating"].to_pylist()

    assert ratings(WEDNESDAY, WEDNESDAY + dt.timedelta(hours=9)) == [2.0, 2.0]
    with pytest.raises(Exception, match=ANOTHER_DAY):
        ratings(MONDAY, WEDNESDAY)
