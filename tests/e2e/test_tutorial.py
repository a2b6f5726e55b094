"""The tutorial walked as its page has it, to the first champion in a real Airflow."""

from __future__ import annotations

import pytest

from ai_patterns.clients.home import Home
from ai_patterns.clients.lake import Lake
from ai_patterns.jobs.champion import read_champion
from demo.journal import Journal
from demo.rest import AirflowClient
from demo.standalone import Standalone
from tutorial import DAYS, Tutorial

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
