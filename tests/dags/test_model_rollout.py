"""A system that declares a rollout has its challengers led through it; the DAGs of all others stay as they were."""

from __future__ import annotations

from typing import Any

from ai_patterns.operators.model_rollout import EndRolloutOperator, RollOutModelOperator
from ai_patterns.patterns import model_as_a_service, online_offline_serving
from ai_patterns.spec.rollout import RolloutSpec
from ai_patterns.spec.system import SystemSpec


def rolled_out(system: SystemSpec, **gates: Any) -> SystemSpec:
    return system.model_copy(update={"rollout": RolloutSpec(), "gates": system.gates.model_copy(update=gates)})


def promotion(system: SystemSpec) -> Any:
    return next(dag for dag in online_offline_serving.build(system) if dag.dag_id == "docks__model_promotion")


def test_without_a_rollout_the_service_is_only_checked(docks: SystemSpec) -> None:
    (dag,) = model_as_a_service.build(docks)
    assert dag.task_ids == ["wait_for_champion", "wait_for_service", "check_service"]
    assert "end_rollout" not in promotion(docks).task_ids
    assert promotion(docks).timetable.asset_condition is not None


def test_a_challenger_goes_through_shadow_and_canary(docks: SystemSpec) -> None:
    (dag,) = model_as_a_service.build(rolled_out(docks))
    assert dag.task_ids == ["wait_for_champion", "wait_for_service", "check_service", "roll_out_model"]
    task = dag.get_task("roll_out_model")
    assert isinstance(task, RollOutModelOperator)
    assert [asset.name for asset in task.outlets] == ["docks/champion"]
    assert dag.timetable.asset_condition.name == "docks/model"


def test_a_person_is_asked_before_the_shadow(docks: SystemSpec) -> None:
    (dag,) = model_as_a_service.build(rolled_out(docks, approval=True))
    assert dag.get_task("check_service").downstream_task_ids == {"review_model"}
    assert dag.get_task("review_model").downstream_task_ids == {"approve_model"}
    assert dag.get_task("approve_model").downstream_task_ids == {"roll_out_model"}


def test_the_promotion_is_by_hand_and_can_end_a_rollout(docks: SystemSpec) -> None:
    dag = promotion(rolled_out(docks))
    assert dag.params.get_param("action").schema["enum"] == ["promote", "rollback", "end_rollout"]
    assert isinstance(dag.get_task("end_rollout"), EndRolloutOperator)
    assert "end_rollout" in dag.get_task("choose_action").downstream_task_ids
    assert getattr(dag.timetable, "asset_condition", None) is None or not dag.timetable.asset_condition
