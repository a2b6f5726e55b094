"""A system of another domain goes through the whole loop without one line of package code about it.

The docks (`tests/systems/docks`) ask how many bikes will leave: a regression, with integer keys, a group without
a key, a batch layer and null values. Expected features are computed from the raw files by plain loops.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.core.days import Days
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.champion import read_champion
from ai_patterns.jobs.feature_store import apply_repository, materialize
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.feedback import join_labels, measure_performance
from ai_patterns.jobs.ingestion import IngestionReport, ingest
from ai_patterns.jobs.leakage import check_leakage
from ai_patterns.jobs.monitoring import check_drift, check_predictions, check_quality
from ai_patterns.jobs.promotion import promote
from ai_patterns.jobs.report import write_report
from ai_patterns.jobs.retraining import decide_retraining
from ai_patterns.jobs.review import review
from ai_patterns.jobs.scoring import score
from ai_patterns.jobs.status import system_status
from ai_patterns.jobs.training import TrainingReport, train
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.spec.model import ServerGateSpec
from ai_patterns.spec.system import SystemSpec
from systems.docks.by_hand import Hour, features_by_hand, read_hours

EVERYTHING = Days.parse("2024-03-01/2024-04-29")
TRAINING = Days.parse("2024-03-01/2024-04-14")
SCORED = Days.parse("2024-04-15/2024-04-28")
WEEK = Days.parse("2024-04-22/2024-04-28")
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
BOUNDARY = dt.datetime(2024, 4, 15, 11, 45, tzinfo=dt.UTC)
DECISIONS = [
    (11, "2024-03-01 02:00"),  # only one hour is known
    (12, "2024-03-22 03:00"),  # the counter is broken
    (12, "2024-03-22 08:00"),  # it works again, but the window is still short
    (47, "2024-03-31 03:00"),  # the clock went forward two hours before; no hill is known
    (11, "2024-04-14 23:00"),
    (47, "2024-04-28 00:00"),  # a decision of the day before its hour
]
"""Station and hour of decisions whose features are computed by hand."""


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    lake: Lake
    registry: Registry
    repository: Path
    ingested: IngestionReport
    trained: TrainingReport


@pytest.fixture(scope="module")
def site(docks: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The docks with sixty days of data, an online store at the boundary, a champion and its predictions."""
    folder = tmp_path_factory.mktemp("docks")
    lake, registry = Lake(str(folder / "lake"), docks.name), Registry(f"sqlite:///{folder}/mlflow.db", docks.name)
    ingested = ingest(docks, lake, EVERYTHING, run_id="first")
    build_features(docks, lake, EVERYTHING)
    build_training_set(docks, lake, EVERYTHING)
    apply_repository(docks, lake, folder / "feast")
    materialize(docks, lake, folder / "feast", BOUNDARY)
    trained = train(docks, lake, registry, TRAINING)
    return Site(docks, lake, registry, folder / "feast", ingested, trained)


@pytest.fixture(scope="module")
def live(site: Site) -> Site:
    """The same with a champion, which has predicted two weeks, and the labels of those."""
    promote(site.system, site.lake, site.registry, 1, at=SCORED.start, reason="the first")
    score(site.system, site.lake, site.registry, SCORED)
    join_labels(site.system, site.lake, WEEK.end)
    return site


@pytest.fixture(scope="module")
def hours(docks_folder: Path) -> list[Hour]:
    """The raw hours of counters that worked."""
    return read_hours(docks_folder / "data" / "hours.csv")


def test_the_broken_counter_is_in_quarantine(site: Site) -> None:
    # 60 days of 24 hours and 3 stations. Of those counted, the last hour is reported on the 61st day; of those
    # planned, two hours were opened before the first day.
    assert site.ingested.published == {"planned": 4320 - 2 * 3, "counted": 4320 - 3 - 10}
    assert site.ingested.quarantined["planned"] == {}
    assert list(site.ingested.quarantined["counted"].values()) == [10]
    assert site.ingested.dimensions == {"stations": 3}


@pytest.mark.parametrize(("station", "hour"), DECISIONS)
def test_features_are_those_computed_by_hand(site: Site, hours: list[Hour], station: int, hour: str) -> None:
    at = dt.datetime.fromisoformat(hour).replace(tzinfo=dt.UTC)
    rows = site.lake.read("training_sets").to_pylist()
    (found,) = [row for row in rows if (row["station"], row["hour"]) == (station, at)]
    wanted = features_by_hand(hours, station, at)
    assert {name: found[name] for name in wanted} == wanted


def test_nothing_from_after_the_decision_is_in_its_features(site: Site) -> None:
    report = check_leakage(site.system, site.lake, TRAINING, decisions=60)
    assert (report.decisions, report.differing) == (60, {})


def test_online_features_are_those_of_the_training_set_at_the_boundary(site: Site) -> None:
    rows = site.lake.read("training_sets", Days.parse("2024-04-15"))
    rows = rows.filter([at == BOUNDARY for at in rows["decided_at"].to_pylist()])
    assert rows["station"].to_pylist() == [11, 12, 47]
    answer = OnlineFeatureReader(site.system, site.repository).read(rows)
    assert len(answer.table.column_names) == 5 + 2 + 1 + 2
    assert answer.table.to_pylist() == rows.select(answer.table.column_names).to_pylist()
    assert not any(any(lost) for lost in answer.missing.values())


def test_an_honest_challenger_passes_its_gates(site: Site) -> None:
    assert site.trained.metrics["rmse"] < 2.0
    assert site.trained.metrics["r2"] > 0.7
    verdict = review(site.system, site.lake, site.registry, 1)
    assert verdict.passed, verdict.reasons
    assert {"rmse", "r2"} <= {gate.name.split()[0] for gate in verdict.gates}


def test_the_server_is_one_of_the_gates(live: Site) -> None:
    """A real server looks the features up in the real store; the lake's predictions are not added to."""
    gates = live.system.gates.model_copy(update={"server": ServerGateSpec(max_p99_ms=5000, requests=20)})
    before = live.lake.version("predictions")
    asked = live.system.model_copy(update={"gates": gates})
    verdict = review(asked, live.lake, live.registry, 1, live.repository)
    assert [gate.name for gate in verdict.gates[-2:]] == ["server p99 ms", "server parity"]
    assert verdict.passed, verdict.reasons
    assert live.lake.version("predictions") == before


def test_the_champion_predicts_every_decision(live: Site) -> None:
    assert (live.registry.alias(CHAMPION), live.registry.alias(CHALLENGER)) == (1, None)
    rows = live.lake.read("predictions").to_pylist()
    assert len(rows) == 14 * 24 * 3
    assert {row["model_version"] for row in rows} == {1}
    assert {row["station"] for row in rows} == {11, 12, 47}


def test_performance_is_the_error_of_the_week(live: Site, hours: list[Hour]) -> None:
    truth = {(row.station, row.hour): row.rides for row in hours}
    # An hour is reported 70 minutes after it began: of the week's last ones, two are not yet known at its end.
    scores = [row for row in live.lake.read("predictions", WEEK).to_pylist() if row["hour"] < WEEK.end - HOUR]
    squares = [(row["score"] - truth[row["station"], row["hour"]]) ** 2 for row in scores]
    found = measure_performance(live.system, live.lake, WEEK, WEEK.end)
    overall = next(row for row in found if row["slice"] == "all" and row["model_version"] is None)
    assert {row["slice"] for row in found} == {"all", "station=11", "station=12", "station=47"}
    assert overall["rows"] == len(squares) == (7 * 24 - 2) * 3
    assert overall["rmse"] == pytest.approx((sum(squares) / len(squares)) ** 0.5, rel=1e-9)


def test_a_good_champion_is_kept_and_an_old_one_is_not(live: Site) -> None:
    measure_performance(live.system, live.lake, WEEK, WEEK.end)
    for now, retrain in ((WEEK.end, False), (SCORED.start + 22 * DAY, True)):
        decision = decide_retraining(live.system, live.lake, now, read_champion(live.lake, now))
        assert decision.retrain is retrain, decision.reason


def test_clean_weeks_are_calm(live: Site) -> None:
    drift, scores = check_drift(live.system, live.lake, WEEK), check_predictions(live.system, live.lake, WEEK)
    assert {row.subject for row in drift.rows} == set(live.system.model.columns)
    assert {row.subject for row in scores.rows} == {"score"}
    assert drift.alarms == scores.alarms == ()


def test_a_dead_thermometer_is_an_alarm(site: Site, tmp_path: Path) -> None:
    rows, lake = site.lake.read("training_sets"), Lake(str(tmp_path), site.system.name)
    alive = pc.less(rows["day"], pa.scalar(WEEK.first))
    dead = pc.if_else(alive, rows["air__warmth_6h"], None)
    at = rows.column_names.index("air__warmth_6h")
    lake.replace_days("training_sets", rows.set_column(at, "air__warmth_6h", dead), EVERYTHING)
    report = check_drift(site.system, lake, WEEK)
    assert {row.subject for row in report.rows if not row.passed} == {"air__warmth_6h"}


def test_quality_tells_the_share_in_quarantine(live: Site) -> None:
    report = check_quality(live.system, live.lake, Days.parse("2024-03-21/2024-03-22"))
    assert {row.subject: (row.value, row.passed) for row in report.rows} == {
        "planned": (0.0, True),
        "counted": (10 / 144, True),
    }


def test_status_and_report_tell_of_all_seven_patterns(live: Site, tmp_path: Path) -> None:
    measure_performance(live.system, live.lake, WEEK, WEEK.end)
    check_drift(live.system, live.lake, WEEK)
    status = system_status(live.system, live.lake)
    assert not [name for name, entry in status.items() if entry["state"] == "not yet"]
    assert status["online_offline_serving"]["champion"]["version"] == 1
    assert status["data_pipeline"]["rows"] == {"planned": 4314, "counted": 4307}
    page = write_report(live.system, live.lake, tmp_path).read_text("utf-8")
    assert "<svg" in page
    assert all(metric in page for metric in ("rmse", "r2"))
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["feedback_loop"]["metric"] == "rmse"


def test_the_registrys_file_tells_what_mlflow_tells(site: Site) -> None:
    """Also of a version that was deleted, whose row stays in the file."""
    from mlflow import MlflowClient

    client, name = MlflowClient(site.registry.tracking_uri), site.registry.model_name
    deleted = int(client.create_model_version(name, "file:///nowhere", tags={"days": "2024-03-01"}).version)
    client.delete_model_version(name, str(deleted))
    reader = RegistryReader(site.registry.tracking_uri, name)
    assert reader.versions() == site.registry.versions()
    assert deleted not in reader.versions()
    assert reader.facts(1) == site.registry.facts(1)
    assert reader.facts(1)["days"] == str(TRAINING)
    for version in (deleted, 99):
        with pytest.raises(ServiceUnavailableError, match=f"no version {version} of the model 'docks'"):
            reader.facts(version)
