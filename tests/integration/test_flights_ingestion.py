"""The real flights: every trap of the data is met, and a year is the same in one run as in 367."""

import datetime as dt
import logging
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.sources import open_source
from ai_patterns.core.days import Days
from ai_patterns.engines.duckdb import run
from ai_patterns.jobs.ingestion import IngestionReport, ingest
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec

YEAR = Days.parse("2012-12-31/2014-01-01")
"""A flight of the first of January is announced the day before; the last ones land in the new year."""


WORKERS = 2
DAILY = """
import logging, sys
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.ingestion import audit, extract, publish
from ai_patterns.spec.loading import load_system

logging.getLogger("great_expectations").setLevel(logging.WARNING)
system, lake = load_system(sys.argv[1]), Lake(sys.argv[2], "flights")
for day in list(Days.parse(sys.argv[3]))[int(sys.argv[4])::int(sys.argv[5])]:
    for step in (extract, audit, publish):
        step(system, lake, Days(day, day), run_id=f"daily-{day}")
"""
"""One of several workers that load every second day into one lake, as a backfill's tasks do."""


@pytest.fixture(scope="module")
def system(repository: Path) -> SystemSpec:
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    return load_system(repository / "include/systems/flights")


@pytest.fixture(scope="module")
def loaded(system: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, IngestionReport]:
    lake = Lake(str(tmp_path_factory.mktemp("year")), "flights")
    return lake, ingest(system, lake, YEAR, run_id="year")


@pytest.fixture(scope="module")
def lake(loaded: tuple[Lake, IngestionReport]) -> Lake:
    return loaded[0]


def rows_of(lake: Lake, table: str, columns: list[str]) -> pa.Table:
    return lake.read(table, columns=columns).sort_by([(name, "ascending") for name in columns])


def query(lake: Lake, sql: str, *streams: str, **more: object) -> list[tuple[object, ...]]:
    tables = {name: lake.dataset(f"events/{name}") for name in streams}
    return [tuple(row.values()) for row in run(sql, {**tables, **more}).to_pylist()]


def test_every_row_arrives_and_only_the_broken_sensor_is_quarantined(loaded: tuple[Lake, IngestionReport]) -> None:
    year = loaded[1]
    assert year.published == {"scheduled": 336_776, "departed": 328_521, "arrived": 327_346, "weather": 26_114}
    assert year.quarantined["weather"] == {"wind_speed: outside 0 to 120": 1}
    assert sum(len(reasons) for reasons in year.quarantined.values()) == 1
    assert year.dimensions == {"planes": 3_322}


def test_the_wind_of_1048_miles_an_hour_keeps_its_raw_bytes(lake: Lake) -> None:
    (row,) = lake.read("quarantine/weather").to_pylist()
    assert (row["day"], row["key"], row["run_id"]) == (dt.date(2013, 2, 12), "EWR-20130212T08", "year")
    assert b'"wind_speed":1048.36058' in row["raw"]


def test_partitions_are_the_utc_day_of_known_time(system: SystemSpec, lake: Lake) -> None:
    for name, stream in system.streams.items():
        wrong = query(lake, f"SELECT count(*) FROM {name} WHERE CAST({stream.known_time} AS DATE) <> day", name)
        assert wrong == [(0,)], name


def test_arrival_times_reproduce_the_clocks_at_the_destinations(system: SystemSpec, lake: Lake) -> None:
    """One row of the source itself lies on a night when clocks change."""
    raw = {name: open_source(name, system.sources[name], system.folder).read() for name in ("flights", "airports")}
    odd = query(
        lake,
        """
        SELECT flight_id FROM arrived
        JOIN (SELECT *, concat_ws('-', carrier, flight, origin,
              strftime(make_date(year, month, day), '%Y%m%d')) AS id FROM flights) AS f ON f.id = flight_id
        LEFT JOIN airports a ON a.faa = f.dest
        WHERE CAST(strftime(timezone(coalesce(a.tzone, 'America/Puerto_Rico'), arrived_at), '%H%M') AS INTEGER)
              <> f.arr_time % 2400
        """,
        "arrived",
        **raw,
    )
    assert odd == [("B6-35-JFK-20130309",)]


def test_cancelled_and_diverted_flights_have_no_arrival(lake: Lake) -> None:
    unlabelled = "SELECT count(*), count(tailnum) FROM scheduled ANTI JOIN arrived USING (flight_id)"
    ((rows, with_tail),) = query(lake, unlabelled, "scheduled", "arrived")
    assert rows == 9_430
    assert with_tail == 6_918


def test_airports_without_a_time_zone_and_times_of_2400_are_kept(lake: Lake) -> None:
    ((islands,),) = query(lake, "SELECT count(*) FROM arrived WHERE dest IN ('SJU', 'BQN', 'STT', 'PSE')", "arrived")
    assert islands == 7_537
    assert query(lake, "SELECT max(arrival_hour) FROM scheduled", "scheduled") in ([(23.0,)], [(24.0,)])


def test_weather_is_known_from_minute_52(lake: Lake) -> None:
    lags = query(lake, "SELECT DISTINCT date_diff('minute', observed_at, reported_at) FROM weather", "weather")
    assert lags == [(52,)]


def load_day_by_day(system: SystemSpec, lake: Lake) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    commands = [
        [sys.executable, "-c", DAILY, str(system.folder), lake.uri, str(YEAR), str(worker), str(WORKERS)]
        for worker in range(WORKERS)
    ]
    running = [subprocess.Popen(command, env=environment) for command in commands]
    try:
        assert [child.wait() for child in running] == [0] * WORKERS
    finally:
        for child in running:
            child.kill()


def test_a_year_at_once_equals_the_year_day_by_day(system: SystemSpec, lake: Lake, tmp_path: Path) -> None:
    daily = Lake(str(tmp_path), "flights")
    load_day_by_day(system, daily)
    for name, stream in system.streams.items():
        order = [(column, "ascending") for column in ("day", *stream.key)]
        tables = [item.read(f"events/{name}").sort_by(order) for item in (lake, daily)]
        assert tables[0].equals(tables[1]), name
    judged = ["day", "check", "subject", "value", "bound", "passed"]
    assert rows_of(lake, "checks", judged).equals(rows_of(daily, "checks", judged))
    kept = ["day", "key", "column", "reason", "raw"]
    assert rows_of(lake, "quarantine/weather", kept).equals(rows_of(daily, "quarantine/weather", kept))
