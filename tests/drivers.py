"""A Feast repository that is nobody's of ours: two views, a view without entity, a pushed one, an on-demand one."""

from __future__ import annotations

import datetime as dt
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pandas as pd
import pyarrow as pa
from feast import Entity, FeatureService
from feast.base_feature_view import BaseFeatureView

from ai_patterns.clients.feast import open_store
from ai_patterns.feast.writing import write_arrow

NOW = dt.datetime.now(dt.UTC).replace(microsecond=250_000)
DRIVERS = (1001, 1002, 1003, -7)
REGIONS = ("north", "süd")

DEFINITIONS = """
from datetime import timedelta

import pandas as pd
import pyarrow as pa
from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, RequestSource, ValueType
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
region = Entity(name="region", join_keys=["region"], value_type=ValueType.STRING)


def source(name):
    return FileSource(name=name, path=f"{FOLDER}/{name}.parquet", timestamp_field="event_timestamp")


stats = FeatureView(
    name="stats", entities=[driver], ttl=timedelta(0), online=True, source=source("stats"),
    schema=[Field(name="rate", dtype=Float64, tags={"unit": "share"}, description="share of trips that were taken"),
            Field(name="trips", dtype=Int64), Field(name="grade", dtype=Float32), Field(name="small", dtype=Int32),
            Field(name="name", dtype=String), Field(name="active", dtype=Bool), Field(name="photo", dtype=Bytes),
            Field(name="since", dtype=UnixTimestamp), Field(name="lots", dtype=Array(Int64))],
)
local = FeatureView(
    name="local", entities=[driver, region], ttl=timedelta(days=1), online=True, source=source("local"),
    schema=[Field(name="seen", dtype=Int64)],
)
world = FeatureView(
    name="world", entities=[], ttl=timedelta(0), online=True, source=source("world"),
    schema=[Field(name="load", dtype=Float64)],
)
live = FeatureView(
    name="live", entities=[driver], ttl=timedelta(0), online=True,
    source=PushSource(name="live_push", batch_source=source("live")),
    schema=[Field(name="speed", dtype=Float64), Field(name="street", dtype=String)],
)
request = RequestSource(name="trip", schema=[Field(name="distance", dtype=Float64)])


@on_demand_feature_view(sources=[stats, request], schema=[Field(name="weighted", dtype=Float64)])
def on_trip(inputs: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"weighted": inputs["rate"] * inputs["distance"]})


everything = FeatureService(name="everything:v2", features=[stats, local, world, live])
with_trip = FeatureService(name="with_trip", features=[stats[["trips"]], on_trip])
"""


def make_repository(folder: Path, online_store: str) -> Path:
    """Write, apply and fill the repository; `online_store` is the YAML of its store."""
    (folder / "data").mkdir(parents=True)
    settings = f"""\
    project: drivers
    provider: local
    registry: {folder}/data/registry.db
    online_store: {online_store}
    offline_store: {{type: file}}
    entity_key_serialization_version: 3
    """
    (folder / "feature_store.yaml").write_text(textwrap.dedent(settings), "utf-8")
    for name, frame in frames().items():
        frame.to_parquet(folder / f"{name}.parquet")
    apply(folder)
    store = open_store(folder)
    for name, frame in frames().items():
        if name == "world":  # Feast's own write gives it a key by which it is never found
            rows = pa.table({"load": [0.75], "__dummy_id": [""], "event_timestamp": [NOW]})
            write_arrow(store.provider.online_store, store.config, store.get_feature_view(name), rows)
        else:
            store.write_to_online_store(name, frame)
    return folder


def apply(folder: Path) -> None:
    """What `feast apply` does; the definitions are a real module, which an on-demand view must be able to import."""
    (folder / "definitions.py").write_text(f"FOLDER = {str(folder)!r}\n{DEFINITIONS}", "utf-8")
    sys.path.insert(0, str(folder))
    try:
        sys.modules.pop("definitions", None)
        defined = vars(import_module("definitions")).values()
    finally:
        sys.path.remove(str(folder))
    open_store(folder).apply([item for item in defined if isinstance(item, Entity | BaseFeatureView | FeatureService)])


def frames() -> dict[str, pd.DataFrame]:
    """What is online, by view: nulls, what is not finite, unicode, and a value past its time to live."""
    times = [NOW - dt.timedelta(hours=number) for number in range(len(DRIVERS))]
    stats = pd.DataFrame(
        {
            "driver_id": DRIVERS,
            "event_timestamp": times,
            "rate": [0.1, float("inf"), 1 / 3, -0.0],
            "trips": [3, 2**62 + 1, -5, 0],
            "grade": [0.1, 2.5, -1.0, 7.0],
            "small": [1, -1, 2**31 - 1, 0],
            "name": ["Åsa", "", "long " * 60, "x"],
            "active": [True, False, True, False],
            "photo": [b"\x00\xff", b"", b"abc", b"x"],
            "since": times,
            "lots": [[1, 2**60], [], [7], [0]],
        }
    )
    local = pd.DataFrame(
        {
            "driver_id": [1001, 1001, 1002],
            "region": ["north", "süd", "north"],
            "event_timestamp": [NOW, NOW, NOW - dt.timedelta(days=3)],
            "seen": [1, 2, 3],
        }
    )
    world = pd.DataFrame({"event_timestamp": [NOW], "load": [0.75]})
    live = pd.DataFrame(
        {"driver_id": [1001], "event_timestamp": [NOW - dt.timedelta(hours=1)], "speed": [50.0], "street": ["B1"]}
    )
    return {"stats": stats, "local": local, "world": world, "live": live}
