"""A Feast repository that anybody might have: drivers, their rides in a file, no spec and no lake of ours."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import redis
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import Float64, Int64, String

NOW = dt.datetime.now(dt.UTC).replace(microsecond=250_000)
OURS = {"sqlite": "ai_patterns.feast.SqliteOnlineStore", "redis": "ai_patterns.feast.RedisOnlineStore"}


def open_repository(folder: Path, online: str, *, redis_address: str = "", extra: str = "") -> FeatureStore:
    """A repository with one of the online stores: `sqlite`, `redis`, or ours of that name."""
    folder.mkdir(parents=True)
    place = f"connection_string: '{redis_address}'" if "edis" in online else f"path: {folder}/online.db"
    (folder / "feature_store.yaml").write_text(
        f"project: p{folder.name.replace('-', '')}\nprovider: local\nregistry: {folder}/registry.db\n"
        f"online_store: {{type: {online}, {place}}}\nentity_key_serialization_version: 3\n{extra}",
        "utf-8",
    )
    return FeatureStore(repo_path=str(folder))


def driver() -> Entity:
    return Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)


def rides(folder: Path, ttl: dt.timedelta = dt.timedelta(0), name: str = "rides", **source: Any) -> FeatureView:
    """The view; its source is `rides.parquet` in the folder unless told otherwise."""
    given = {"path": str(folder / "rides.parquet"), "timestamp_field": "at", "created_timestamp_column": "created"}
    schema = [
        Field(name="driver_id", dtype=Int64),
        Field(name="rating", dtype=Float64),
        Field(name="city", dtype=String),
    ]
    return FeatureView(
        name=name, entities=[driver()], ttl=ttl, schema=schema, source=FileSource(name=name, **(given | source))
    )


def ride(driver_id: int, rating: float | None, at: dt.datetime, created: dt.datetime = NOW) -> dict[str, Any]:
    return {"driver_id": driver_id, "rating": rating, "city": f"c{driver_id}", "at": at, "created": created}


def table(*rows: dict[str, Any]) -> pa.Table:
    instant = pa.timestamp("us", "UTC")
    kinds = {"driver_id": pa.int64(), "rating": pa.float64(), "city": pa.string(), "at": instant, "created": instant}
    return pa.Table.from_pylist(list(rows), pa.schema(kinds))


def write(store: FeatureStore, view: FeatureView, *rows: dict[str, Any]) -> None:
    """As a push does: through Feast's `online_write_batch`."""
    data = [
        (
            EntityKey(join_keys=["driver_id"], entity_values=[Value(int64_val=row["driver_id"])]),
            {
                "rating": Value() if row["rating"] is None else Value(double_val=row["rating"]),
                "city": Value(string_val=row["city"]),
            },
            row["at"],
            row["created"],
        )
        for row in rows
    ]
    store._get_provider().online_write_batch(store.config, view, data, None)


def read(store: FeatureStore, *drivers: int) -> dict[str, Any]:
    """Rating, status and event time of drivers, as `get_online_features` has them."""
    answer = store.get_online_features(["rides:rating"], [{"driver_id": number} for number in drivers])
    names = list(answer.proto.metadata.feature_names.val)
    column = answer.proto.results[names.index("rating")]
    moments = [moment.ToDatetime(dt.UTC) for moment in column.event_timestamps]
    return {"rating": answer.to_dict()["rating"], "status": list(column.statuses), "at": moments}


def dump(store: FeatureStore, view: FeatureView) -> Any:
    """All that a store holds in the places that Feast knows of."""
    settings: Any = store.config.online_store
    if "edis" in settings.type:
        host, port = settings.connection_string.split(":")
        client = redis.Redis(host, int(port))
        held = client.scan_iter(b"*" + store.project.encode())
        return {key.removesuffix(store.project.encode()): _renamed(client.hgetall(key)) for key in held}
    with sqlite3.connect(settings.path) as connection:
        columns = "entity_key, feature_name, value, value_text, vector_value, event_ts, created_ts"
        rows = connection.execute(f'SELECT {columns} FROM "{store.project}_{view.name}" ORDER BY 1, 2')
        return rows.fetchall()


def _renamed(fields: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return dict(sorted(fields.items()))


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return table(*rows).to_pandas()
