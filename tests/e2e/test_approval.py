"""A champion that a person approves: a real Airflow asks, shows the evidence, and goes on with the answer."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.days import Days
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.training import train
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec
from demo.rest import DONE, AirflowClient
from demo.standalone import Standalone, running

DAYS = Days.parse("2024-03-01/2024-03-28")
DAG_ID, ASKING = "docks__model_promotion", "promote.approve_model"
SECONDS = 300


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    lake: Lake
    registry: Registry
    client: AirflowClient


@pytest.fixture(scope="module")
def asking(repository: Path, docks_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Airflow with the docks alone, whose spec asks for an approval; one version is trained."""
    home = tmp_path_factory.mktemp("approval")
    project = home / "project"
    for name in ("dags", "plugins"):
        shutil.copytree(repository / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    folder = project / "include" / "systems" / "docks"
    shutil.copytree(docks_folder, folder)
    text = (folder / "system.yaml").read_text("utf-8")
    (folder / "system.yaml").write_text(text.replace("  compare: rmse", "  compare: rmse\n  approval: true"), "utf-8")
    system, lake = load_system(folder), Lake(str(home / "lake"), "docks")
    registry = Registry(f"sqlite:///{home}/mlflow.db", "docks")
    ingest(system, lake, DAYS, run_id="first")
    build_features(system, lake, DAYS)
    build_training_set(system, lake, DAYS)
    train(system, lake, registry, DAYS)
    with running(Standalone(home / "airflow", project, {"PYTHONPATH": str(project / "plugins")})) as airflow:
        yield Site(system, lake, registry, AirflowClient(airflow.url, airflow.user, airflow.password))


def ask(site: Site) -> tuple[str, dict[str, Any]]:
    """Ask for the promotion of version 1; the run, and what stands on the page once its task waits."""
    site.client.wait_for_dag(DAG_ID)
    site.client.unpause(DAG_ID)
    run_id = site.client.trigger(DAG_ID, {"version": "1", "days": str(DAYS), "reason": "spring"})
    deadline = time.monotonic() + SECONDS
    while site.client.states(DAG_ID, run_id).get(ASKING) != "awaiting_input":
        assert time.monotonic() < deadline, site.client.states(DAG_ID, run_id)
        time.sleep(1)
    return run_id, site.client.call("GET", question(run_id))


def question(run_id: str) -> str:
    return f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{ASKING}/-1/hitlDetails"


def answer(site: Site, run_id: str, chosen: str) -> dict[str, str]:
    """Answer whenever asked, until the run is over.

    Airflow 3.3 may ask twice: a scheduler that is held up queues the answered task before it hears from its executor
    that the asking has ended, takes that end for the failure of what it has just queued, and tries the task again.
    """
    deadline = time.monotonic() + SECONDS
    while (state := site.client.call("GET", f"/dags/{DAG_ID}/dagRuns/{run_id}")["state"]) not in DONE:
        assert time.monotonic() < deadline, site.client.states(DAG_ID, run_id)
        asked = site.client.call("GET", question(run_id))
        if asked["task_instance"]["state"] == "awaiting_input" and not asked["response_received"]:
            site.client.call("PATCH", question(run_id), json={"chosen_options": [chosen], "params_input": {}})
        time.sleep(1)
    assert state == "success"
    return site.client.states(DAG_ID, run_id)


def test_a_rejected_version_changes_nothing(asking: Site) -> None:
    run_id, _ = ask(asking)
    found = answer(asking, run_id, "Reject")
    assert (found[ASKING], found["promote.promote_model"]) == ("success", "skipped")
    assert read_promotions(asking.lake) == []
    assert asking.registry.alias("champion") is None


def test_an_approved_version_is_promoted_and_the_ledger_says_by_whom(asking: Site) -> None:
    run_id, asked = ask(asking)
    assert asked["subject"] == "Promote a new model of docks?"
    assert "Version 1 would be the first champion." in asked["body"]
    assert "| rmse max | passed |" in asked["body"]
    assert asking.registry.alias("champion") is None
    assert answer(asking, run_id, "Approve")["promote.promote_model"] == "success"
    (line,) = read_promotions(asking.lake)
    assert line.reason.startswith("spring; approved by admin at ")
    assert line.request == f"{DAG_ID}/{run_id}/promote.promote_model"
    assert asking.registry.alias("champion") == 1
