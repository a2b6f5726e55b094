"""A system may ask a person before its champion changes; nothing else of its DAG changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskAwaitingInput

from ai_patterns.operators.approval import ApprovePromotionOperator
from ai_patterns.patterns.online_offline_serving import build
from ai_patterns.spec.system import SystemSpec

TEST = {"estimate": -0.02, "lower": -0.03, "upper": -0.01, "p": 0.001, "adjusted_p": 0.002, "blocks": 14, "rows": 900}
GATES = [
    {"name": "schema", "value": 0, "bound": 0, "passed": True, "detail": "", "evidence": None},
    {"name": "compare rmse", "value": -0.01, "bound": 0.0, "passed": True, "detail": "", "evidence": TEST},
]


def promotion(system: SystemSpec, *, approval: bool) -> Any:
    gates = system.gates.model_copy(update={"approval": approval})
    dags = build(system.model_copy(update={"gates": gates}))
    return next(dag for dag in dags if dag.dag_id == "docks__model_promotion")


def test_nobody_is_asked_by_default(docks: SystemSpec) -> None:
    dag = promotion(docks, approval=docks.gates.approval)
    assert dag.get_task("promote.review_model").downstream_task_ids == {"promote.promote_model"}
    assert len(dag.tasks) == 4


def test_a_person_stands_between_the_gates_and_the_champion(docks: SystemSpec) -> None:
    dag = promotion(docks, approval=True)
    assert dag.get_task("promote.review_model").downstream_task_ids == {"promote.approve_model"}
    assert dag.get_task("promote.approve_model").downstream_task_ids == {"promote.promote_model"}
    promote = dag.get_task("promote.promote_model")
    assert (promote.review_task_id, promote.approval_task_id) == ("promote.review_model", "promote.approve_model")
    assert len(dag.tasks) == 5


def ask(docks: SystemSpec, monkeypatch: pytest.MonkeyPatch, *, passed: bool) -> tuple[Any, list[dict[str, Any]]]:
    """Let the task ask; what it left for the page would be sent to Airflow's API by the task's supervisor."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **sent: told.append(sent)
    )
    task = promotion(docks, approval=True).get_task("promote.approve_model")
    assert isinstance(task, ApprovePromotionOperator)
    pulled = {"promote.review_model": {"version": 3, "champion": 2, "passed": passed, "gates": GATES}}
    instance = SimpleNamespace(id="1", xcom_pull=lambda task_ids: pulled[task_ids])
    try:
        return task.execute({"ti": instance, "task_instance": instance}), told
    except TaskAwaitingInput as waiting:
        return waiting, told


def test_the_question_carries_the_evidence(docks: SystemSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, (told,) = ask(docks, monkeypatch, passed=True)
    assert isinstance(waiting, TaskAwaitingInput)
    assert told["options"] == ["Approve", "Reject"]
    assert told["subject"] == "Promote a new model of docks?"
    assert "Version 3 would take the place of version 2." in told["body"]
    assert "| compare rmse | passed | -0.01 | 0 | -0.03 to -0.01 | 0.001 | 0.002 | 14, 900 |" in told["body"]


def test_nobody_is_asked_about_a_version_that_failed(docks: SystemSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(docks, monkeypatch, passed=False) == (None, [])
