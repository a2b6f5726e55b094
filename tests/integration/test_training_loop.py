"""Train, promote, refuse, roll back and score, with a real registry and real ONNX, for both tasks."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.core.days import Days
from ai_patterns.core.metrics import worse_by
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.predictions import PARTITIONS
from ai_patterns.errors import PromotionRejectedError, ServiceUnavailableError
from ai_patterns.jobs.evaluation import evaluate
from ai_patterns.jobs.promotion import champion_history, promote, read_promotions, rollback
from ai_patterns.jobs.review import review
from ai_patterns.jobs.scoring import score
from ai_patterns.jobs.training import TrainingReport, train
from ai_patterns.spec.system import SystemSpec
from orchard import DAYS, NOON, fill, orchard, shuffle_labels

WEEK = Days.parse("2024-06-01/2024-06-07")


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    lake: Lake
    registry: Registry
    folder: Path
    first: TrainingReport


@pytest.fixture(scope="module", params=["classification", "regression"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A system with 40 days of crates and one trained version."""
    folder = tmp_path_factory.mktemp(request.param)
    system = orchard(request.param)
    lake = Lake(str(folder / "lake"), system.name)
    registry = Registry(f"sqlite:///{folder}/mlflow/mlflow.db", system.name)
    fill(system, lake)
    return Site(system, lake, registry, folder, train(system, lake, registry, DAYS))


def test_training_reports_its_evaluation(site: Site) -> None:
    report = site.first
    assert report.version == 1
    assert site.registry.alias(CHALLENGER) == 1
    assert site.registry.alias(CHAMPION) is None
    # Labels take 30 hours: on the evening of 9 June they are known up to 18:00 on the 8th, so the ten days of
    # evaluation begin on 30 May and hold 585 crates; those fitted on were packed before 18:00 on 28 May: 1665.
    # One in fifty has no label.
    assert (report.rows, report.evaluation_rows) == (1665 - 34, 585 - 12)
    assert report.onnx_difference <= 1e-5
    assert {item["slice"] for item in report.slices} == {
        f"variety={name}" for name in ("boskoop", "cox", "gala", "jonagold")
    }


def test_a_registered_version_holds_all_that_serving_needs(site: Site) -> None:
    loaded = site.registry.load_onnx(1)
    assert loaded.columns == ("variety", "weight", "warmth")
    assert set(loaded.encodings["variety"]) == {"boskoop", "cox", "gala", "jonagold"}
    assert loaded.card["lake_versions"] == {
        name: site.lake.version(name) for name in ("training_sets", "events/inspected")
    }
    matrix = np.array([[0, 10, 15], [3, 10, np.nan]], np.float32)
    assert loaded.predict(matrix).dtype == np.float64
    assert loaded.predict(matrix)[0] < loaded.predict(matrix)[1]
    assert loaded.predict(matrix[:0]).shape == (0,)


def test_reports_of_a_run(site: Site) -> None:
    (path,) = site.folder.glob(f"mlflow/artifacts/orchard/{site.first.run_id}/artifacts/reports/profiles.json")
    profiles = json.loads(path.read_text())
    assert profiles["warmth"]["count"] == site.first.rows
    assert profiles["warmth"]["missing"] > 0
    assert sum(profiles["weight"]["counts"]) == site.first.rows


def test_the_same_rows_give_the_same_model(site: Site, tmp_path: Path) -> None:
    other = Registry(f"sqlite:///{tmp_path}/mlflow.db", site.system.name)
    again = train(site.system, site.lake, other, DAYS)
    assert again.metrics == site.first.metrics
    (first,) = site.folder.glob(f"mlflow/artifacts/orchard/{site.first.run_id}/artifacts/model/serving/model.onnx")
    (second,) = tmp_path.glob("artifacts/**/model.onnx")
    assert second.read_bytes() == first.read_bytes()


def test_the_ladder_rises_with_what_is_known(site: Site) -> None:
    june = dt.date(2024, 6, 1)
    lower, upper = evaluate(site.system, site.lake, june, june)
    assert (lower["rung"], lower["columns"], upper["rung"], upper["columns"]) == ("fruit", 2, "climate", 3)
    assert lower["rows"] == upper["rows"] == upper["months"][0]["rows"]
    metric = site.system.gates.compare
    assert worse_by(metric, upper[metric], lower[metric]) < 0


def test_no_champion_no_scores(site: Site, tmp_path: Path) -> None:
    empty = Registry(f"sqlite:///{tmp_path}/mlflow.db", site.system.name)
    with pytest.raises(ServiceUnavailableError, match="ai_patterns_mlflow"):
        score(site.system, site.lake, empty, WEEK)
    with pytest.raises(ServiceUnavailableError, match="ai_patterns_mlflow"):
        empty.load_onnx(7)


def test_a_registry_that_is_away_names_its_connection() -> None:
    with pytest.raises(ServiceUnavailableError, match="ai_patterns_mlflow"):
        Registry("http://127.0.0.1:9", "orchard").alias(CHAMPION)


def test_the_loop(site: Site) -> None:
    """Promote; refuse a challenger with shuffled labels; promote a good one; score; roll back."""
    system, lake, registry = site.system, site.lake, site.registry
    first = promote(system, lake, registry, 1, at=NOON, reason="the first")
    assert (first.sequence, first.previous, registry.alias(CHAMPION)) == (1, None, 1)
    assert registry.alias(CHALLENGER) is None
    assert promote(system, lake, registry, 1, at=NOON, reason="again") == first

    _refuse_a_bad_one(site)

    assert train(system, lake, registry, DAYS).version == 3
    assert promote(system, lake, registry, 3, at=NOON, reason="retrained").previous == 1
    _score_twice(site)

    back = rollback(lake, registry, at=NOON, reason="by hand")
    assert (back.version, back.previous, registry.alias(CHAMPION)) == (1, 3, 1)
    assert [(line.action, line.version) for line in champion_history(lake)] == [
        ("promoted", 1),
        ("promoted", 3),
        ("rolled_back", 1),
    ]
    with pytest.raises(PromotionRejectedError, match="no earlier champion"):
        rollback(lake, registry, at=NOON, reason="too far")

    registry.set_alias(CHAMPION, 3)  # as if a process had died between the ledger and the alias
    promote(system, lake, registry, 1, at=NOON, reason="repair")
    assert registry.alias(CHAMPION) == 1


def _refuse_a_bad_one(site: Site) -> None:
    honest = site.lake.read("events/inspected")
    shuffle_labels(site.lake)
    bad = train(site.system, site.lake, site.registry, DAYS)
    site.lake.replace("events/inspected", honest)
    verdict = review(site.system, site.lake, site.registry, bad.version)
    assert not verdict.passed
    assert {"onnx difference", "schema"} <= {gate.name for gate in verdict.gates if gate.passed}
    with pytest.raises(PromotionRejectedError, match=rf"{site.system.gates.compare} is worse than the champion's"):
        promote(site.system, site.lake, site.registry, bad.version, at=NOON, reason="shuffled")
    assert site.registry.alias(CHAMPION) == 1
    refusal = read_promotions(site.lake)[-1]
    assert (refusal.action, refusal.version, refusal.previous) == ("refused", bad.version, 1)
    assert refusal.evidence["gates"]


def _score_twice(site: Site) -> None:
    """The second run replaces the first and leaves what the service logged."""
    schema = prediction_schema(site.system)
    online = pa.Table.from_pylist(
        [{"prediction_id": "x", "crate": "c", "mode": "online", "day": WEEK.first, "features": "{}", "degraded": []}],
        schema=schema,
    )
    site.lake.append("predictions", online, partition_by=PARTITIONS)
    for _ in range(2):
        assert score(site.system, site.lake, site.registry, WEEK, at=NOON) == 420
    rows = site.lake.read("predictions").to_pylist()
    batch = [row for row in rows if row["mode"] == "batch"]
    assert (len(rows), len(batch), len({row["prediction_id"] for row in batch})) == (421, 420, 420)
    assert {row["model_version"] for row in batch} == {3}
    assert set(json.loads(batch[0]["features"])) == set(site.system.decision.inputs)
