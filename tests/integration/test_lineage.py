"""Lineage on real flights: both ways agree with each other and with a walk over every event."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ai_patterns.cli import main
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.days import Days
from ai_patterns.core.lineage import groups_read
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.predictions import PARTITIONS, features_json
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.lineage import explain
from ai_patterns.jobs.resting import resting_on
from ai_patterns.jobs.served_vectors import find_prediction
from ai_patterns.jobs.training_set import read_decisions
from ai_patterns.spec.system import SystemSpec

LOADED = Days.parse("2013-03-08/2013-03-11")
PREDICTED = Days.parse("2013-03-10/2013-03-10")
WALKED = 20


@pytest.fixture(scope="module")
def lake(flights: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Four days of events, and a prediction of each decision of the third."""
    system = flights
    lake = Lake(str(tmp_path_factory.mktemp("lineage")), system.name)
    ingest(system, lake, LOADED, run_id="first")
    decisions = read_decisions(system, lake, PREDICTED)
    columns = {name: decisions[name] for name in (*system.decision_stream.key, "decided_at")}
    count, decided = decisions.num_rows, decisions["decided_at"].to_pylist()
    columns |= {
        "prediction_id": [f"p-{key}" for key in decisions["flight_id"].to_pylist()],
        "served_at": decided,
        "features": [features_json(row) for row in decisions.drop_columns(["decided_at"]).to_pylist()],
        "score": [0.5] * count,
        "model_version": [7] * count,
        "degraded": [[]] * count,
        "mode": [("online", "batch")[number % 2] for number in range(count)],
        **dict.fromkeys(("explored", "holdout", "propensity"), [None] * count),
        "day": [instant.date() for instant in decided],
    }
    schema = prediction_schema(system)
    lake.append("predictions", pa.table({name: columns[name] for name in schema.names}, schema), PARTITIONS)
    return lake


@pytest.fixture(scope="module")
def registry(flights: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(f"sqlite:///{tmp_path_factory.mktemp('registry') / 'mlflow.db'}", flights.name)


@pytest.fixture(scope="module")
def events(flights: SystemSpec, lake: Lake) -> dict[str, list[dict]]:
    return {name: lake.read(f"events/{name}").to_pylist() for name in flights.streams}


def walk(system: SystemSpec, events: dict[str, list[dict]], decision: dict) -> dict[str, dict[dt.date, int]]:
    """Events that each group's value counts, by partition: every event looked at, one by one."""
    found: dict[str, dict[dt.date, int]] = {}
    for name in groups_read(system):
        group, days = system.groups[name], found.setdefault(name, {})
        stream = system.streams[group.stream]
        at = decision["decided_at"]
        edge = at if group.layer == "stream" else floor(at, group.hop)
        for row in events[group.stream]:
            known = row[stream.known_time] <= at if group.layer == "stream" else row[stream.known_time] < edge
            inside = floor(edge - group.max_window, group.hop) < row[stream.event_time] <= edge
            if known and inside and all(row[key] == decision[key] for key in group.key):
                days[row["day"]] = days.get(row["day"], 0) + 1
    return found


def floor(instant: dt.datetime, hop: dt.timedelta) -> dt.datetime:
    return instant - (instant - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) % hop


def test_explained_predictions_equal_a_walk_over_every_event(flights, lake, registry, events) -> None:
    decisions = read_decisions(flights, lake, PREDICTED).to_pylist()
    for decision in random.Random(11).sample(decisions, WALKED):
        told = explain(flights, lake, registry, find_prediction(lake, f"p-{decision['flight_id']}"))
        assert told.key == {"flight_id": decision["flight_id"]}
        assert {name: {part.day: part.rows for part in parts} for name, parts in told.groups.items()} == walk(
            flights, events, decision
        )


@pytest.mark.parametrize("stream", ["weather", "departed", "scheduled"])
def test_both_directions_agree(flights, lake, registry, stream: str) -> None:
    day = PREDICTED.first
    resting = set(resting_on(flights, lake, registry, stream, day).predictions["prediction_id"].to_pylist())
    sample = random.Random(13).sample(lake.read("predictions")["prediction_id"].to_pylist(), WALKED // 2)
    for prediction in sample:
        told = explain(flights, lake, registry, find_prediction(lake, prediction))
        counts = any(
            part.table == f"events/{stream}" and part.day == day for parts in told.groups.values() for part in parts
        )
        inputs = stream == "scheduled" and day in known_days(lake, told.key["flight_id"])
        assert (prediction in resting) == (counts or inputs)
    assert resting


def known_days(lake: Lake, flight_id: str) -> set[dt.date]:
    rows = lake.read("events/scheduled", columns=["flight_id", "day"])
    return set(rows.filter(pc.equal(rows["flight_id"], flight_id))["day"].to_pylist())


def test_offsets_of_what_landed_are_told(flights, lake, registry, tmp_path: Path) -> None:
    landed = lake.read("events/departed", PREDICTED)
    places = pa.array(range(100, 100 + landed.num_rows), pa.int64())
    rows = landed.append_column("topic_partition", pa.array([0] * landed.num_rows, pa.int32()))
    lake.replace_days("landed/departed", rows.append_column("topic_offset", places), PREDICTED)
    last = max(read_decisions(flights, lake, PREDICTED).to_pylist(), key=lambda row: row["decided_at"])
    told = explain(flights, lake, registry, find_prediction(lake, f"p-{last['flight_id']}"))
    offsets = [part.offsets for part in told.groups["everywhere_now"] if part.day == PREDICTED.first]
    assert len(offsets) == 1
    first, latest = offsets[0][0]
    assert 100 <= first < latest < 100 + landed.num_rows


def test_an_unknown_prediction_or_partition_is_told(flights, lake, registry) -> None:
    with pytest.raises(LookupError, match="no prediction 'nobody'"):
        find_prediction(lake, "nobody")
    with pytest.raises(LookupError, match="it has scheduled, departed"):
        resting_on(flights, lake, registry, "departures", PREDICTED.first)
    with pytest.raises(LookupError, match="no events of 'departed' on 2013-01-01"):
        resting_on(flights, lake, registry, "departed", dt.date(2013, 1, 1))


def test_the_command_tells_both_ways(flights, lake, registry, repository, monkeypatch, capsys) -> None:
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(repository / "include/systems"))
    monkeypatch.setenv("AI_PATTERNS_LAKE", str(Path(lake.uri)))
    monkeypatch.setenv("AI_PATTERNS_TRACKING_URI", registry.tracking_uri)
    prediction = lake.read("predictions")["prediction_id"][0].as_py()
    assert main(["explain", "flights", prediction]) == 0
    told = capsys.readouterr().out
    assert prediction in told
    assert "events/departed" in told
    assert main(["explain", "flights", "--partition", "departed", "2013-03-10"]) == 0
    assert "predictions rest on" in capsys.readouterr().out
    assert main(["explain", "flights", "nobody"]) == 1
    assert "no prediction 'nobody'" in capsys.readouterr().err
