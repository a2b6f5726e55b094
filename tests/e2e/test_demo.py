"""The whole loop, lived through by `python -m demo` on a real Airflow: what its summary must hold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ai_patterns.core.dashboards import DASHBOARDS, Panel
from ai_patterns.runtimes.prometheus import Prometheus

WEEKS = 4
pytestmark = pytest.mark.usefixtures("lived")


def test_an_interrupted_demo_leaves_no_process(left_by_interrupted: list[str]) -> None:
    assert left_by_interrupted == []


def test_the_history_is_in_the_lake(lived: dict[str, Any]) -> None:
    rows = lived["rows"]
    assert rows["scheduled"] > rows["departed"] > rows["arrived"] > 100_000
    assert rows["weather"] > 8_000
    assert lived["rows_without_label"] > 2_000
    assert lived["quarantined"]["weather"]


def test_every_week_of_april_was_measured(lived: dict[str, Any]) -> None:
    assert len(lived["weeks"]) == WEEKS
    for week in lived["weeks"]:
        assert week["rows"] > 4_000
        assert week["auc"] > 0.65
        assert week["brier"] < 0.22


def test_the_champion_is_served_and_each_prediction_can_be_traced(lived: dict[str, Any]) -> None:
    assert len(lived["served"]) == WEEKS + 1
    assert all(hour["predictions"] > 0 for hour in lived["served"])
    prediction = lived["prediction"]
    assert prediction["prediction_id"]
    assert prediction["model_version"] >= 1
    assert 0 <= prediction["score"] <= 1
    assert "origin_now__departures_1h" in prediction["features"]


def test_the_onnx_model_predicts_as_the_estimator(lived: dict[str, Any]) -> None:
    assert lived["onnx_difference"] <= 1e-5


def test_the_broken_sensor_was_caught_before_it_was_published(lived: dict[str, Any]) -> None:
    assert lived["fault"]["caught_by"] == "ingest_partition.validate_streams"


def test_a_bad_challenger_is_refused_with_its_reason_and_the_champion_rolled_back(lived: dict[str, Any]) -> None:
    assert lived["champions"]
    assert lived["refused"]
    assert all(line["reason"] for line in lived["refused"])
    assert len(lived["rollbacks"]) == 1


def test_each_retraining_decision_says_why(lived: dict[str, Any]) -> None:
    assert len(lived["retraining_decisions"]) == WEEKS
    assert all(decision["reason"] for decision in lived["retraining_decisions"])


def test_a_day_lived_through_kafka(lived: dict[str, Any]) -> None:
    live = lived["live"]
    assert "skipped" not in live
    assert live["sent"] == sum(live["landed"].values()) > 2_500
    assert live["buckets"] > 100
    assert live["unequal_buckets"] == 0
    assert live["predictions"] > 24
    assert live["vectors_compared"] == live["predictions"] + lived["served"][-1]["predictions"]
    assert live["differing"] == {}, "what was served is what the lake knew then"


def test_each_run_ended_as_it_must(lived: dict[str, Any]) -> None:
    assert all(run["expected"] in (None, run["state"]) for run in lived["runs"])
    assert {run["dag"].removeprefix("flights__") for run in lived["runs"]} >= {
        "data_pipeline", "batch_processing", "feature_store", "model_training", "model_promotion", "batch_scoring",
        "model_as_a_service", "feedback_loop", "monitoring", "stream_processing", "lambda_architecture",
    }  # fmt: skip


@pytest.fixture(scope="module")
def prometheus(lived: dict[str, Any], repository: Path, require_program: Any) -> Iterator[Prometheus]:
    """The Prometheus that watched the demo, with its data."""
    require_program("prometheus")
    found = Prometheus(repository / ".run" / "demo" / ".run" / "runtimes" / Prometheus.name)
    found.up()
    yield found
    found.down()


@pytest.mark.parametrize(
    "panel",
    [pytest.param(panel, id=f"{name}: {panel.title}") for name, panels in DASHBOARDS.items() for panel in panels],
)
def test_each_panel_of_each_dashboard_has_data(prometheus: Prometheus, lived: dict[str, Any], panel: Panel) -> None:
    end = time.time()
    asked = {
        "query": panel.expression.replace("$system", "flights"),
        "start": end - lived["seconds"]["all"] - 600, "end": end, "step": 10,
    }  # fmt: skip
    answer = httpx.get(f"{prometheus.url}/api/v1/query_range", params=asked, timeout=30).json()
    assert answer["status"] == "success", answer
    assert answer["data"]["result"]
