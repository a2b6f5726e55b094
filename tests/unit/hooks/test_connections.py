"""Hooks with and without their connections; the connections come from the environment."""

from __future__ import annotations

import json

import pytest

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.feature_store import FeatureStoreHook
from ai_patterns.hooks.flink import FlinkSqlGatewayHook
from ai_patterns.hooks.kafka import KafkaHook
from ai_patterns.hooks.kubeflow import KubeflowHook
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.hooks.mlflow import MLflowHook
from ai_patterns.hooks.prometheus import PrometheusHook
from ai_patterns.hooks.serving import ServingHook
from ai_patterns.hooks.sources import read_query


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path / "home"))


def connect(monkeypatch, conn_id, **fields):
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "generic", **fields}))


def test_without_connections_everything_is_embedded(tmp_path):
    home = str(tmp_path / "home")
    assert LakeHook().lake("flights").uri.startswith(home)
    assert MLflowHook().registry("flights").tracking_uri.startswith(f"sqlite:///{home}")
    assert FeatureStoreHook().folder("flights").is_dir()
    assert ServingHook().url.startswith("http://127.0.0.1:")


def test_connections_lead_elsewhere(tmp_path, monkeypatch):
    connect(monkeypatch, "ai_patterns_lake", host=str(tmp_path), extra={"timeout": 5})
    connect(monkeypatch, "ai_patterns_serving", conn_type="http", host="models", port=8000)
    assert LakeHook().target == (str(tmp_path), {"timeout": "5"})
    connect(monkeypatch, "ai_patterns_kafka", host="broker", port=9092, extra={"client.id": "me"})
    assert ServingHook().url == "http://models:8000"
    assert KafkaHook().target == ("broker:9092", {"client.id": "me"})


def test_kafka_is_told_as_airflows_provider_does_or_started_here(tmp_path, monkeypatch):
    with pytest.raises(ServiceUnavailableError, match=r"`ai-patterns up kafka`.*'ai_patterns_kafka'"):
        KafkaHook().broker()
    started = tmp_path / "home" / ".run" / "runtimes" / "kafka"
    started.mkdir(parents=True)
    (started / "port").write_text("19092")
    assert KafkaHook().target == ("127.0.0.1:19092", {})
    connect(monkeypatch, "ai_patterns_kafka", extra={"bootstrap.servers": "a:1,b:2", "sasl.mechanism": "PLAIN"})
    assert KafkaHook().target == ("a:1,b:2", {"sasl.mechanism": "PLAIN"})


def test_flink_is_known_by_its_gateway_or_started_here(tmp_path, monkeypatch):
    with pytest.raises(ServiceUnavailableError, match=r"`ai-patterns up flink`.*'ai_patterns_flink'"):
        FlinkSqlGatewayHook().flink()
    started = tmp_path / "home" / ".run" / "runtimes" / "flink" / "gateway"
    started.mkdir(parents=True)
    (started / "port").write_text("18083")
    assert FlinkSqlGatewayHook().url == "http://127.0.0.1:18083"
    connect(monkeypatch, "ai_patterns_flink", conn_type="http", host="gateway", port=8083)
    assert FlinkSqlGatewayHook().url == "http://gateway:8083"


def test_prometheus_is_known_by_its_address_or_started_here(tmp_path, monkeypatch):
    with pytest.raises(ServiceUnavailableError, match=r"`ai-patterns up prometheus`.*'ai_patterns_prometheus'"):
        PrometheusHook().api()
    started = tmp_path / "home" / ".run" / "runtimes" / "prometheus"
    started.mkdir(parents=True)
    (started / "port").write_text("19090")
    assert PrometheusHook().url == "http://127.0.0.1:19090"
    connect(monkeypatch, "ai_patterns_prometheus", conn_type="http", host="prometheus", port=9090)
    assert PrometheusHook().url == "http://prometheus:9090"


@pytest.mark.parametrize(
    ("conn_id", "fields", "ask"),
    [
        ("ai_patterns_lake", {"host": "/no/such/folder"}, lambda: LakeHook().lake("flights")),
        ("ai_patterns_online_store", {"host": "/no/such/folder"}, lambda: FeatureStoreHook().folder("flights")),
        ("ai_patterns_mlflow", {"host": "http://127.0.0.1:9"}, lambda: MLflowHook().registry("flights")),
        ("ai_patterns_serving", {"host": "http://127.0.0.1:9"}, lambda: ServingHook().is_ready()),
        ("ai_patterns_prometheus", {"host": "http://127.0.0.1:9"}, lambda: PrometheusHook().api().history("up")),
    ],
)
def test_a_service_that_is_away_names_its_connection(monkeypatch, conn_id, fields, ask):
    connect(monkeypatch, conn_id, **fields)
    with pytest.raises(ServiceUnavailableError, match=conn_id):
        ask()


def test_airflows_button_tells_whether_a_connection_leads_somewhere(tmp_path, monkeypatch):
    connect(monkeypatch, "ai_patterns_lake", host=str(tmp_path), extra={"AWS_REGION": None, "timeout": "5s"})
    assert LakeHook().test_connection() == (True, "It answers.")
    assert LakeHook().target == (str(tmp_path), {"timeout": "5s"})
    connect(monkeypatch, "ai_patterns_kubeflow", host="127.0.0.1", port=9, schema="http")
    answers, problem = KubeflowHook().test_connection()
    assert not answers
    assert "http://127.0.0.1:9" in problem


def test_a_query_source_reads_a_database(tmp_path, monkeypatch):
    connect(monkeypatch, "my_db", conn_type="sqlite", host=str(tmp_path / "rows.db"))
    assert read_query("my_db", "SELECT 1 AS a, 'x' AS b").to_pylist() == [{"a": 1, "b": "x"}]
