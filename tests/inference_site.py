"""A bakery whose champion can be served: lake, applied feature store and registry, all real."""

from __future__ import annotations

import datetime as dt
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import bakery
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.jobs.feature_store import apply_repository, materialize
from ai_patterns.spec.system import SystemSpec

NOON = bakery.DAYS.start + dt.timedelta(days=2, hours=12)
KEY = "open-sesame"


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    lake: Lake
    registry: Registry
    folder: Path

    def command(self, lake: str | None = None) -> list[str]:
        return [
            *(sys.executable, "-m", "ai_patterns.services.inference"),
            *("--system-folder", str(bakery.FOLDER)),
            *("--lake", lake or self.lake.uri),
            *("--tracking-uri", self.registry.tracking_uri),
            *("--feature-repo", str(self.folder / "feast")),
            *("--poll-seconds", "0.3", "--flush-seconds", "0.3", "--max-body-bytes", "100000"),
        ]


def environment(key: str | None = KEY) -> dict[str, str]:
    path = os.pathsep.join(sys.path)
    return {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "AI_PATTERNS_API_KEY": key or ""}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    system = bakery.bakery()
    lake = Lake(str(folder / "lake"), system.name)
    bakery.publish(lake, system)
    apply_repository(system, lake, folder / "feast")
    materialize(system, lake, folder / "feast", NOON)
    registry = Registry(f"sqlite:///{folder}/mlflow/mlflow.db", system.name)
    bakery.register_champion(registry, system, seed=1)
    return Site(system, lake, registry, folder)
