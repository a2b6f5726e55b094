"""Every operator does its step on the docks' own lake, registry and feature store; contexts are plain dicts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.days import Days
from ai_patterns.core.predictions import PARTITIONS
from ai_patterns.jobs.checks import CheckRow, record_checks
from ai_patterns.operators.batch_processing import BuildFeaturesOperator
from ai_patterns.operators.data_pipeline import (
    ExtractStreamsOperator,
    LoadDimensionsOperator,
    PublishStreamsOperator,
    ValidateStreamsOperator,
)
from ai_patterns.operators.feature_store import (
    ApplyFeatureRepositoryOperator,
    BuildTrainingSetOperator,
    CheckFreshnessOperator,
    MaterializeFeaturesOperator,
)
from ai_patterns.operators.feedback_loop import (
    DecideRetrainingOperator,
    JoinLabelsOperator,
    MeasurePerformanceOperator,
)
from ai_patterns.operators.monitoring import (
    CheckParityOperator,
    CheckPredictionsOperator,
    CheckQualityOperator,
    DetectDriftOperator,
    WriteReportOperator,
)
from ai_patterns.operators.online_offline_serving import (
    PromoteModelOperator,
    ReviewModelOperator,
    RollbackModelOperator,
    ScoreBatchOperator,
    TrainModelOperator,
)

ALL, TRAINING, WEEK = "2024-03-01/2024-03-21", "2024-03-01/2024-03-14", "2024-03-15/2024-03-21"
BEFORE = "2024-02-01/2024-02-07"


def run(operator, folder, days, **params):
    """What one operator returns for these days."""
    task = operator(task_id="step", system=folder)
    return task.execute({"params": {"days": days, **params}, "run_id": "by-hand"})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home of its own, which every hook finds in the environment."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AI_PATTERNS_HOME", str(folder))
        for name in ("LAKE", "TRACKING_URI", "FEAST", "REPORTS", "SERVING_URL"):
            patch.delenv(f"AI_PATTERNS_{name}", raising=False)
        yield folder


@pytest.fixture(scope="module")
def lake(home):
    return Lake(str(home / ".run" / "lake"), "docks")


@pytest.fixture(scope="module")
def events(home, docks_folder):
    """What the four steps of the data pipeline returned."""
    steps = (LoadDimensionsOperator, ExtractStreamsOperator, ValidateStreamsOperator, PublishStreamsOperator)
    return [run(step, docks_folder, ALL) for step in steps]


@pytest.fixture(scope="module")
def features(events, docks_folder):
    """What the steps from tiles to the training set returned."""
    return [run(step, docks_folder, ALL) for step in (BuildFeaturesOperator, BuildTrainingSetOperator)]


@pytest.fixture(scope="module")
def champion(features, docks_folder):
    """What training, review, promotion and scoring returned."""
    steps = [run(step, docks_folder, TRAINING) for step in (TrainModelOperator, ReviewModelOperator)]
    return [*steps, run(PromoteModelOperator, docks_folder, TRAINING), run(ScoreBatchOperator, docks_folder, WEEK)]


def test_the_data_pipeline(events, lake):
    dimensions, staged, audited, published = events
    assert dimensions == {"stations": 3}
    assert staged == {"planned": 1512, "counted": 1509}
    assert audited["counted"] == {"rows": 1509, "refused": {"rides: outside 0 to 500": 3}}
    assert published == {"planned": 1512, "counted": 1506}
    assert lake.read("events/counted").num_rows == 1506


def test_days_without_rows_are_skipped(home, events, docks_folder):
    for operator in (ExtractStreamsOperator, BuildFeaturesOperator, CheckQualityOperator, CheckPredictionsOperator):
        with pytest.raises(AirflowSkipException, match="Nothing to do"):
            run(operator, docks_folder, BEFORE)


def test_features_and_training_set(features, lake):
    values, decisions = features
    assert set(values) == {"station", "city", "air"}
    assert values["city"] == lake.read("values/city").num_rows
    assert decisions == {"decisions": lake.read("training_sets").num_rows}


def test_the_feature_store(features, home, docks_folder):
    applied = run(ApplyFeatureRepositoryOperator, docks_folder, ALL)
    assert Path(applied["folder"]) == home / ".run" / "feast" / "docks"
    assert run(MaterializeFeaturesOperator, docks_folder, ALL) == {"air": 1, "city": 1, "place": 3, "station": 3}
    assert run(CheckFreshnessOperator, docks_folder, ALL) == {"fresh": 4, "stale": 0}
    late = run(CheckFreshnessOperator, docks_folder, ALL, as_of="2024-03-24T00:00:00+00:00")
    assert late == {"fresh": 0, "stale": 4}


def test_the_champion(champion, home, lake):
    trained, reviewed, promoted, scored = champion
    assert (trained["version"], reviewed["version"], reviewed["passed"]) == (1, 1, True)
    assert promoted == {"version": 1, "previous": None}
    assert scored == {"predictions": lake.read("predictions").num_rows}
    assert Registry(f"sqlite:///{home}/.run/mlflow.db", "docks").alias("champion") == 1


def test_a_first_champion_cannot_be_rolled_back(champion, docks_folder):
    with pytest.raises(AirflowFailException, match="no earlier champion"):
        run(RollbackModelOperator, docks_folder, WEEK)


def test_without_a_challenger_there_is_nothing_to_promote(champion, docks_folder):
    with pytest.raises(AirflowSkipException, match="no challenger"):
        run(PromoteModelOperator, docks_folder, WEEK)


def test_truth_comes_back(champion, docks_folder, lake):
    assert run(JoinLabelsOperator, docks_folder, WEEK) == {"labels": lake.read("labels").num_rows}
    overall = run(MeasurePerformanceOperator, docks_folder, WEEK)
    assert {row["slice"] for row in overall} == {"all"}
    assert all(0 < row["rmse"] < 6 for row in overall)


@pytest.mark.parametrize(("as_of", "followed"), [("2024-03-22", "keep"), ("2024-04-30", "retrain")])
def test_the_decision_follows_its_branch(champion, docks_folder, as_of, followed):
    pushed = {}
    with DAG("loop", schedule=None):
        decide = DecideRetrainingOperator(task_id="decide", system=docks_folder, if_retrain="retrain", otherwise="keep")
        _ = decide >> [BaseOperator(task_id="retrain"), BaseOperator(task_id="keep")]
    instance = SimpleNamespace(task=decide, map_index=-1, xcom_push=lambda key, value: pushed.update({key: value}))
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        decide.execute({"params": {"days": WEEK, "as_of": as_of}, "ti": instance})
    assert {task for task, _ in skipped.value.tasks} == {"retrain", "keep"} - {followed}
    (verdict,) = [value for value in pushed.values() if "reason" in value]
    assert (verdict["retrain"], verdict["days"]) == (followed == "retrain", "2024-03-01/2024-03-21")


def test_monitoring_and_its_report(champion, docks_folder, home, lake):
    assert run(CheckQualityOperator, docks_folder, WEEK) == {"checks": 2, "alarms": 0}
    assert run(DetectDriftOperator, docks_folder, WEEK)["checks"] > 0
    assert run(CheckPredictionsOperator, docks_folder, WEEK)["checks"] > 0
    days = Days.parse("2024-03-20")
    calm = CheckRow(days.last, "width", "rides", 0.1, 0.5, True, "as ever")
    record_checks(lake, [calm], family="by_hand", days=days)
    report = run(WriteReportOperator, docks_folder, str(days))
    page = home / ".run" / "reports" / "docks" / "2024-03-20" / "report.html"
    assert report == {"path": str(page), "alarms": []}
    assert json.loads(page.with_name("report.json").read_text())["data_pipeline"]["state"] == "ready"


def serve_online(lake, day, spoil):
    """The batch predictions of a day as if the service had made them."""
    batch = lake.read("predictions", Days.parse(day)).filter(pc.field("mode") == "batch")
    rows = [{**row, "mode": "online", "features": spoil(row["features"])} for row in batch.to_pylist()]
    where = f"day = '{day}' AND mode = 'online'"
    lake.replace_where("predictions", pa.Table.from_pylist(rows, batch.schema), where, PARTITIONS)


def test_parity_is_skipped_passed_and_failed(champion, docks_folder, lake):
    with pytest.raises(AirflowSkipException, match="nothing was served online on 2024-03-17"):
        run(CheckParityOperator, docks_folder, "2024-03-17")
    serve_online(lake, "2024-03-16", lambda features: features)
    summary = run(CheckParityOperator, docks_folder, "2024-03-16")
    assert (summary["vectors"], summary["alarms"]) == (72, 0)
    serve_online(lake, "2024-03-18", lambda features: features.replace('"weekend":0.0', '"weekend":false'))
    with pytest.raises(AirflowFailException, match=r"ParityError: 1 failures of parity .* weekend: 72 of 72 .* type"):
        run(CheckParityOperator, docks_folder, "2024-03-18")
    told = CheckParityOperator(task_id="told", system=docks_folder, fail_on_alarm=False)
    assert told.execute({"params": {"days": "2024-03-18"}, "run_id": "by-hand"})["alarms"] == 1
    failed = lake.read("checks").filter((pc.field("family") == "parity") & ~pc.field("passed")).to_pylist()
    assert [(str(row["day"]), row["subject"]) for row in failed] == [("2024-03-18", "weekend")]


def test_an_alarm_is_named_after_the_report_was_written(champion, docks_folder, home, lake):
    days = Days.parse("2024-03-19")
    alarm = CheckRow(days.last, "drift/psi", "air__warmth_6h", 0.9, 0.2, False, "a heat wave")
    record_checks(lake, [alarm], family="by_hand", days=days)
    with pytest.raises(AirflowFailException, match=r"1 alarms .* drift/psi of air__warmth_6h: a heat wave"):
        run(WriteReportOperator, docks_folder, str(days))
    assert (home / ".run" / "reports" / "docks" / "2024-03-19" / "report.html").is_file()
    told = WriteReportOperator(task_id="report", system=docks_folder, fail_on_alarm=False)
    assert told.execute({"params": {"days": str(days)}})["alarms"] == ["drift/psi of air__warmth_6h: a heat wave"]
