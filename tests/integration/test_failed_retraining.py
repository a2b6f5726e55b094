"""A retraining that fails, wherever it fails, changes nothing that serves, and the next one succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.clients.mlflow_package import TrainedModel
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.promotion import promote, read_promotions
from ai_patterns.jobs.scoring import score
from ai_patterns.jobs.training import train
from ai_patterns.spec.system import SystemSpec
from orchard import DAYS, NOON, fill, orchard


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    lake: Lake
    registry: Registry

    def state(self) -> dict[str, Any]:
        """All that serving, scoring and promotion go by."""
        tables = ("training_sets", "events/inspected", "predictions", "promotions")
        return {
            "aliases": {name: self.registry.alias(name) for name in (CHAMPION, CHALLENGER)},
            "ledger": read_promotions(self.lake),
            "tables": {name: self.lake.version(name) for name in tables},
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("orchard")
    system = orchard("classification")
    lake = Lake(str(folder / "lake"), system.name)
    registry = Registry(f"sqlite:///{folder}/mlflow/mlflow.db", system.name)
    fill(system, lake)
    version = train(system, lake, registry, DAYS).version
    promote(system, lake, registry, version, at=NOON, reason="the first")
    score(system, lake, registry, DAYS, at=NOON)
    return Site(system, lake, registry)


def fail(*_: Any, **__: Any) -> Any:
    raise OSError("injected: no space left on device")


def half_written(trained: TrainedModel, folder: Path) -> None:
    (folder / "model.onnx").write_bytes(trained.onnx[:100])
    fail()


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("ai_patterns.jobs.training.read_training_set", fail),
        ("ai_patterns.core.fitting.fit_estimator", fail),
        ("ai_patterns.jobs.training.to_onnx", fail),
        ("ai_patterns.clients.mlflow.write_package", half_written),
        ("ai_patterns.clients.mlflow.Registry._log_run", fail),
        ("ai_patterns.clients.mlflow.Registry._register", fail),
        ("ai_patterns.clients.mlflow.Registry.set_alias", fail),
    ],
)
def test_a_failed_retraining_changes_nothing(
    site: Site, place: str, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, served = site.state(), site.registry.load_onnx(1).card
    with monkeypatch.context() as broken:
        broken.setattr(place, fault)
        with pytest.raises((OSError, ServiceUnavailableError), match="injected"):
            train(site.system, site.lake, site.registry, DAYS)
    assert site.state() == before
    assert site.registry.load_onnx(site.registry.require_alias(CHAMPION)).card == served


def test_after_the_failures_a_retraining_succeeds(site: Site) -> None:
    report = train(site.system, site.lake, site.registry, DAYS)
    assert report.version > 1
    assert (site.registry.alias(CHAMPION), site.registry.alias(CHALLENGER)) == (1, report.version)
