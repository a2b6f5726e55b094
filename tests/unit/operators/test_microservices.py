"""Who is told of Kafka: stream workers, and an inference service whose system names a topic for predictions."""

import json

import pytest
from airflow.sdk.exceptions import AirflowSkipException

import bakery
from ai_patterns.jobs.microservices import Places, replica
from ai_patterns.operators.microservices import DeployServiceOperator


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))


def places(service):
    return DeployServiceOperator(task_id="deploy", system=bakery.FOLDER, service=service).places()


def test_the_connection_leads_those_who_use_it(monkeypatch):
    connection = {"conn_type": "kafka", "extra": {"bootstrap.servers": "kafka:9092"}}
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_KAFKA", json.dumps(connection))
    found = {service: places(service).kafka for service in ("inference", "stream_worker", "features", "feedback")}
    assert found == {"inference": "kafka:9092", "stream_worker": "kafka:9092", "features": "", "feedback": ""}


def test_without_kafka_the_lake_takes_the_predictions_and_no_worker_runs():
    assert places("inference").kafka == ""
    with pytest.raises(AirflowSkipException, match="no broker was started here"):
        places("stream_worker")


def test_a_replica_is_told_the_broker_where_its_system_names_a_topic(tmp_path):
    system, told = bakery.bakery(), Places("lake", "sqlite://", tmp_path, "kafka:9092")
    assert replica(system, told, "inference", 1, "").command[-2:] == ("--kafka", "kafka:9092")
    assert "--kafka" not in replica(system, told, "features", 1, "").command
    decision = system.decision.model_copy(update={"topic": None})
    silent = system.model_copy(update={"decision": decision})
    assert "--kafka" not in replica(silent, told, "inference", 1, "").command
    nowhere = Places("lake", "sqlite://", tmp_path)
    assert "--kafka" not in replica(system, nowhere, "inference", 1, "").command
