"""The tutorial walked as its page has it, to the first champion in a real Airflow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ai_patterns.clients.home import Home
from ai_patterns.clients.lake import Lake
from ai_patterns.jobs.champion import read_champion
from demo.journal import Journal
from demo.rest import AirflowClient
from demo.standalone import Standalone
from server_process import wait_until
from tutorial import DAYS, Tutorial

TRAINED = "rain__model_training.train_model"
LOADING, TRAINING = ("data_pipeline", "batch_processing", "feature_store"), ("model_training", "model_promotion")


@pytest.fixture(scope="module")
def journal(airflow: Standalone) -> Journal:
    client = AirflowClient(airflow.url, airflow.user, airflow.password)
    for step in (*LOADING, *TRAINING):
        client.wait_for_dag(f"rain__{step}")
    return Journal(client, "rain")


def test_data_come_in_and_features_go_out(airflow: Standalone, journal: Journal, tutorial: Tutorial) -> None:
    tutorial.run("8. Data in, features out", {"AIRFLOW_HOME": str(airflow.home)})
    for step in LOADING:
        journal.follow(step, DAYS)


def test_the_first_champion_is_promoted(airflow: Standalone, journal: Journal, tutorial: Tutorial) -> None:
    tutorial.run("9. The first champion", {"AIRFLOW_HOME": str(airflow.home)})
    for step in TRAINING:
        journal.follow(step, DAYS)
    champion = read_champion(Lake(Home.from_environment(airflow.environment).lake, "rain"))
    assert champion is not None
    assert champion.version == 1
    assert champion.metrics["auc"] == pytest.approx(0.763, abs=0.02), "as the page says"


def test_open_lineage_leads_from_the_champion_to_the_events(open_lineage: Path) -> None:
    # A task tells after its success is known.
    wait_until(lambda: any(event["job"]["name"] == TRAINED for event in completed(open_lineage)), 120)
    made = {output["name"]: event for event in completed(open_lineage) for output in event["outputs"]}
    (model,) = [name for name in made if name.endswith("rain/1")]
    assert made[model]["job"]["name"] == TRAINED
    (facet,) = [output["facets"]["aiPatternsModel"] for output in made[model]["outputs"] if output["name"] == model]
    assert facet["system"] == "rain"
    seen, waiting = set(), [model]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting += [each["name"] for each in made.get(name, {"inputs": []})["inputs"] if each["name"] not in seen]
    tables = {name.partition("/rain/")[2].partition("/")[0] for name in seen}
    assert {"training_sets", "values", "events"} <= tables
    beside = {
        output["name"].partition("/rain/")[2] for name in seen for output in made.get(name, {"outputs": []})["outputs"]
    }
    assert any(name.startswith("tiles/") for name in beside), "tiles and values are made in one step"


def completed(folder: Path) -> Iterator[dict[str, Any]]:
    """The events of tasks that succeeded, in their order."""
    for file in sorted(folder.iterdir()):
        with suppress(ValueError):  # it is being written
            event = json.loads(file.read_text("utf-8"))
            if event["eventType"] == "COMPLETE":
                yield event
