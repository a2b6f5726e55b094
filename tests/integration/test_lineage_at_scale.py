"""Lineage over a million predictions, both ways, against a walk over every event."""

from __future__ import annotations

import datetime as dt
import json
import random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.days import Days
from ai_patterns.core.lineage import groups_read
from ai_patterns.core.predictions import TABLE
from ai_patterns.jobs.lineage import explain
from ai_patterns.jobs.resting import resting_on
from ai_patterns.jobs.served_vectors import Place, find_prediction
from ai_patterns.spec.system import SystemSpec
from crowded_lake import Crowd, fill

CROWD = Crowd(Days.parse("2013-05-01/2013-07-29"), events=30_000, predictions=1_000_000)
DAY_ASKED = dt.date(2013, 7, 9)
WALKED = 200
Walked = dict[str, dict[dt.date, int]]


@pytest.fixture(scope="module")
def system(flights: SystemSpec) -> SystemSpec:
    """The example with the two families of features whose windows reach furthest, of both layers."""
    families = {name: flights.model.features[name] for name in ("history", "inbound")}
    return flights.model_copy(update={"model": flights.model.model_copy(update={"features": families})})


@pytest.fixture(scope="module")
def lake(system: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("crowded")), system.name)
    fill(system, lake, CROWD)
    return lake


@pytest.fixture(scope="module")
def registry(system: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(f"sqlite:///{tmp_path_factory.mktemp('registry') / 'mlflow.db'}", system.name)


@pytest.fixture(scope="module")
def sampled(lake: Lake) -> list[dict[str, Any]]:
    """Random predictions: half of them of any day, half of the days about the one that is asked for."""
    rows = lake.read(TABLE, columns=["prediction_id", "decided_at", "features", "mode", DAY])
    assert rows.num_rows == CROWD.predictions
    days = [DAY_ASKED, DAY_ASKED + dt.timedelta(days=1)]
    near = rows.filter(pc.is_in(rows[DAY], pa.array(days, pa.date32())))
    drawn = random.Random(17)
    return [row for part in (rows, near) for row in _draw(part, drawn, WALKED // 2)]


def _draw(rows: pa.Table, drawn: random.Random, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows.take(drawn.sample(range(rows.num_rows), count)).to_pylist()
    return found


@pytest.fixture(scope="module")
def walked(system: SystemSpec, lake: Lake, sampled: list[dict[str, Any]]) -> dict[str, Walked]:
    """By prediction and group: how many events of each partition count, every event of the year looked at."""
    events = {name: lake.read(f"events/{name}") for name in system.streams}
    return {row["prediction_id"]: walk(system, events, row) for row in sampled}


def walk(system: SystemSpec, events: dict[str, pa.Table], row: dict[str, Any]) -> Walked:
    at, inputs, found = row["decided_at"], json.loads(row["features"]), {}
    for name in groups_read(system):
        group, rows = system.groups[name], events[system.groups[name].stream]
        stream = system.streams[group.stream]
        event, known = rows[stream.event_time], rows[stream.known_time]
        edge = at if group.layer == "stream" else floor(at, group.hop)
        counts = pc.and_(pc.greater(event, floor(edge - group.max_window, group.hop)), pc.less_equal(event, edge))
        counts = pc.and_(counts, pc.less_equal(known, at) if group.layer == "stream" else pc.less(known, edge))
        for key in group.key:
            counts = pc.and_(counts, pc.equal(rows[key], inputs[key]))
        days = rows[DAY].filter(counts).value_counts().to_pylist()
        found[name] = {each["values"]: each["counts"] for each in days}
    return found


def floor(instant: dt.datetime, hop: dt.timedelta) -> dt.datetime:
    return instant - (instant - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) % hop


def place_of(row: dict[str, Any]) -> Place:
    return Place(row["prediction_id"], Days(row[DAY], row[DAY]), row["mode"])


def test_an_id_is_found_among_a_million(lake, sampled) -> None:
    for row in sampled[::10]:
        assert find_prediction(lake, row["prediction_id"]) == place_of(row)


def test_what_a_prediction_rests_on_is_what_the_walk_found(system, lake, registry, sampled, walked) -> None:
    counted = 0
    for row in sampled:
        told, found = explain(system, lake, registry, place_of(row)), walked[row["prediction_id"]]
        assert {name: {part.day: part.rows for part in parts} for name, parts in told.groups.items()} == found
        counted += sum(sum(days.values()) for days in found.values())
    assert len(walked) == WALKED
    assert counted > 100 * WALKED


@pytest.mark.parametrize("stream", ["scheduled", "departed", "arrived"])
def test_what_rests_on_a_partition_is_what_the_walk_found(system, lake, registry, sampled, walked, stream) -> None:
    events = lake.read(f"events/{stream}", Days(DAY_ASKED, DAY_ASKED))
    about = set(events["flight_id"].to_pylist()) if stream == "scheduled" else set()
    of_stream = [name for name, group in system.groups.items() if group.stream == stream]
    expected = {
        row["prediction_id"]
        for row in sampled
        if any(DAY_ASKED in walked[row["prediction_id"]].get(name, {}) for name in of_stream)
        or json.loads(row["features"])["flight_id"] in about
    }
    resting = resting_on(system, lake, registry, stream, DAY_ASKED).predictions["prediction_id"].to_pylist()
    assert len(resting) == len(set(resting))
    assert expected == {row["prediction_id"] for row in sampled} & set(resting)
    assert 0 < len(expected) < WALKED
