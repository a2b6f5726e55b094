"""What Spark's connection asks for is done, or refused in words that help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from ai_patterns.operators import spark_features
from ai_patterns.operators.spark_features import SparkApplicationLink, SubmitSparkFeaturesOperator, with_scheme

FLIGHTS = Path(__file__).resolve().parents[3] / "include" / "systems" / "flights"


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SubmitSparkFeaturesOperator:
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_LAKE", json.dumps({"conn_type": "generic", "host": str(tmp_path)}))
    return SubmitSparkFeaturesOperator(task_id="build", system=FLIGHTS, days="2013-01-01")


@pytest.mark.parametrize(
    ("host", "extra", "words"),
    [
        ("spark", {"deploy-mode": "cluster"}, "takes no Python job in cluster mode"),
        ("spark://spark:7077", {"deploy-mode": "cluster"}, "takes no Python job in cluster mode: set `deploy-mode`"),
        ("yarn", {"deploy-mode": "cluster"}, "set `yarn_resourcemanager_webapp_address` in the connection's extra"),
    ],
)
def test_what_cannot_be_done_is_refused(task, monkeypatch, host: str, extra: dict[str, str], words: str) -> None:
    connection = json.dumps({"conn_type": "spark", "host": host, "extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_SPARK", connection)
    with pytest.raises(AirflowFailException, match=words):
        task.execute({})


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_only_a_driver_in_the_cluster_outlives_its_task(task, monkeypatch, mode: str) -> None:
    extra = {"deploy-mode": mode, "yarn_resourcemanager_webapp_address": "yarn:8088/"}
    connection = json.dumps({"conn_type": "spark", "host": "yarn", "extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_SPARK", connection)
    monkeypatch.setattr(spark_features, "announce", lambda *_: None)
    monkeypatch.setattr(spark_features.SparkSubmitOperator, "execute", lambda *_: None)
    pushed: dict[str, str] = {}
    task.execute({})
    assert task._yarn_track_via_rm_api == (mode == "cluster")
    assert SparkApplicationLink().get_link(task, ti_key=None) == ""
    if mode == "cluster":
        task._hook = task._get_hook()
        ti = type("Pushed", (), {"xcom_push": staticmethod(lambda key, value: pushed.update({key: value}))})
        task.get_job_result("application_1_0001", {"ti": ti})
        assert pushed == {"_link_SparkApplicationLink": "http://yarn:8088/cluster/app/application_1_0001"}
        assert SparkApplicationLink().get_link(task, ti_key=None) in pushed.values()
        assert task._hook._yarn_application_id == "application_1_0001", "a user's stop ends what a retry has found"


def test_a_folder_is_this_machines_also_where_hadoop_is_set() -> None:
    assert with_scheme("/data/a lake") == "file:///data/a lake"
    assert with_scheme("hdfs://name:9000/lake") == "hdfs://name:9000/lake"
