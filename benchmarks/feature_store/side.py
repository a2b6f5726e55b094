"""One side at one piece of work, in a process and an environment of its own; prints its figures as JSON.

It is run by the peer's Python too, so it imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
FLOATS, INTEGERS = [f"f{number}" for number in range(10)], [f"n{number}" for number in range(3)]
HISTORY = ["carrier_delay:delay", "airport_weather:temp", "airport_weather:wind_speed"]


def main() -> None:
    """`side.py WORK FOLDER SETTINGS`: the last is the repository's `feature_store.yaml`, but for its paths."""
    work, folder, settings = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    run = {"materialize": _materialize, "history": _history}[work](folder, settings)
    wall, processor = time.perf_counter(), time.process_time()
    run()
    figures = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - processor,
        "megabytes": _peak_kilobytes() / 1024,
    }
    print(json.dumps(figures))


def _peak_kilobytes() -> int:
    """Of this program alone: `ru_maxrss` begins with what the starter had."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def open_store(folder: Path, settings: str) -> FeatureStore:
    """A repository in `folder/repository-of-these-settings`."""
    place = folder / f"repository-{crc32(settings.encode())}"
    place.mkdir(parents=True, exist_ok=True)
    common = f"project: bench\nprovider: local\nregistry: {place}/registry.db\nentity_key_serialization_version: 3\n"
    (place / "feature_store.yaml").write_text(common + settings.replace("FOLDER", str(place)), "utf-8")
    return FeatureStore(repo_path=str(place))


def apply_rows(store: FeatureStore, folder: Path) -> FeatureView:
    """The view of `rows.parquet`."""
    entity = Entity(name="id", join_keys=["id"], value_type=ValueType.INT64)
    source = FileSource(name="rows", path=str(folder / "rows.parquet"), timestamp_field="at")
    schema = [Field(name="id", dtype=Int64), *(Field(name=name, dtype=Float64) for name in FLOATS)]
    schema += [Field(name=name, dtype=Int64) for name in INTEGERS]
    view = FeatureView(name="rows", entities=[entity], ttl=timedelta(0), schema=schema, source=source)
    store.apply([entity, view])
    return view


def _materialize(folder: Path, settings: str) -> Callable[[], Any]:
    store = open_store(folder, settings)
    apply_rows(store, folder)
    return lambda: store.materialize(START, END)


def _history(folder: Path, settings: str) -> Callable[[], Any]:
    store = open_store(folder, settings)
    carrier, origin = (Entity(name=name, value_type=ValueType.STRING) for name in ("carrier", "origin"))
    views = [
        _values("carrier_delay", carrier, folder / "delays.parquet", ["delay"]),
        _values("airport_weather", origin, folder / "weather.parquet", ["temp", "wind_speed"]),
    ]
    store.apply([carrier, origin, *views])
    entities = pd.read_parquet(folder / "entities.parquet")

    def join() -> None:
        found = store.get_historical_features(entities, HISTORY).to_df()
        found.to_parquet(store.repo_path / "found.parquet")

    return join


def _values(name: str, entity: Entity, path: Path, features: list[str]) -> FeatureView:
    source = FileSource(name=name, path=str(path), timestamp_field="valid_from")
    schema = [Field(name=feature, dtype=Float64) for feature in features]
    return FeatureView(name=name, entities=[entity], ttl=timedelta(days=2), schema=schema, source=source)


if __name__ == "__main__":
    main()
