"""A Kubeflow run is started once for all tries of a task, waited for, and stopped with it."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from kfp_server_api import ApiClient, Configuration, RunServiceApi

from ai_patterns.errors import IncompleteTaskError, ServiceUnavailableError
from ai_patterns.operators import kubeflow as operators
from ai_patterns.operators.kubeflow import KubeflowRunOperator
from ai_patterns.triggers.kubeflow_run import KubeflowRunTrigger
from kubeflow_server import TOKEN, Kubeflow, serving

NAME = "training.run_it.scheduled__1"


@pytest.fixture
def kubeflow(monkeypatch):
    with serving() as server:
        connect(monkeypatch, server.url)
        yield server


def connect(monkeypatch, url: str, token: str = TOKEN) -> None:
    host = url.removeprefix("http://")
    fields = {"conn_type": "http", "host": host.split(":")[0], "port": int(host.split(":")[1]), "password": token}
    monkeypatch.setenv("AIRFLOW_CONN_AI_PATTERNS_KUBEFLOW", json.dumps(fields))


@pytest.fixture
def operator(tmp_path):
    package = tmp_path / "pipeline.yaml"
    package.write_text("pipelineInfo: {name: training}\n", "utf-8")
    return lambda **kwargs: KubeflowRunOperator(
        task_id="run_it", pipeline=package, parameters={"days": "2013-02-09"}, **kwargs
    )


def context(map_index: int = -1) -> dict[str, object]:
    instance = SimpleNamespace(dag_id="training", task_id="run_it", run_id="scheduled__1", map_index=map_index)
    return {"ti": instance}


def waiting(operator: KubeflowRunOperator, map_index: int = -1) -> KubeflowRunTrigger:
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context(map_index))
    assert isinstance(deferred.value.trigger, KubeflowRunTrigger)
    return deferred.value.trigger


def test_kubeflows_own_client_reads_the_run_that_was_started(kubeflow: Kubeflow, operator) -> None:
    waiting(operator(experiment="nightly"))
    client = ApiClient(Configuration(host=kubeflow.url), "Authorization", f"Bearer {TOKEN}")
    run = RunServiceApi(client).run_service_get_run("run-1")
    assert (run.display_name, run.experiment_id, run.state) == (NAME, "nightly", "PENDING")
    assert run.pipeline_spec == {"pipelineInfo": {"name": "training"}}
    assert run.runtime_config.parameters == {"days": "2013-02-09"}


def test_a_retry_finds_the_run_again(kubeflow: Kubeflow, operator) -> None:
    triggers = [waiting(operator()), waiting(operator())]
    assert [trigger.run_id for trigger in triggers] == ["run-1", "run-1"]
    assert len(kubeflow.runs) == 1
    waiting(operator(), map_index=3)
    assert [run["display_name"] for run in kubeflow.runs] == [NAME, f"{NAME}.3"]


def test_a_retry_after_a_failed_run_starts_another(kubeflow: Kubeflow, operator) -> None:
    trigger = waiting(operator())
    kubeflow.runs[0] |= {"state": "FAILED", "error": {"message": "no rows"}}
    with pytest.raises(IncompleteTaskError, match="run run-1 is FAILED: no rows"):
        operator().execute_complete(context(), trigger.look())
    assert waiting(operator()).run_id == "run-2"


def test_a_run_that_has_succeeded_is_not_run_again(kubeflow: Kubeflow, operator) -> None:
    waiting(operator())
    kubeflow.runs[0]["state"] = "SUCCEEDED"
    assert operator().execute(context()) == {"run_id": "run-1", "state": "SUCCEEDED"}
    assert len(kubeflow.runs) == 1


def test_the_trigger_fires_at_the_end_and_holds_no_secret(kubeflow: Kubeflow, operator) -> None:
    trigger = waiting(operator())
    path, arguments = trigger.serialize()
    assert path.endswith("KubeflowRunTrigger")
    assert TOKEN not in str(arguments)
    again = KubeflowRunTrigger(**(arguments | {"poll_interval": 0.01}))
    states = iter(["RUNNING", "CANCELING", "CANCELED"])

    async def fire() -> object:
        events = again.run()
        ending = asyncio.ensure_future(anext(events))
        for state in states:
            kubeflow.runs[0]["state"] = state
            await asyncio.sleep(0.1)
        return (await ending).payload

    assert asyncio.run(fire()) == {"run_id": "run-1", "state": "CANCELED", "problem": "its steps' logs tell why"}


def test_a_task_that_waits_in_its_slot_stops_its_run(kubeflow: Kubeflow, operator, monkeypatch) -> None:
    waits = operator(deferrable=False)

    def killed(_: float) -> None:
        waits.on_kill()

    monkeypatch.setattr(operators, "time", SimpleNamespace(sleep=killed))  # other threads go on sleeping
    with pytest.raises(IncompleteTaskError, match="is CANCELED"):
        waits.execute(context())


def test_a_refusal_is_final_and_an_absence_is_not(kubeflow: Kubeflow, operator, monkeypatch) -> None:
    connect(monkeypatch, kubeflow.url, "wrong")
    with pytest.raises(AirflowFailException, match=r"\(401\).*'ai_patterns_kubeflow'") as refused:
        operator().execute(context())
    assert "wrong" not in str(refused.value)
    connect(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailableError, match=r"is away.*'ai_patterns_kubeflow'"):
        operator().execute(context())
