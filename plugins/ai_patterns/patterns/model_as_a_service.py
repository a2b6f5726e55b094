"""Model as a service: is the model behind its service well, and how does a new one come to answer?"""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, BaseOperator, PartitionedAtRuntime, chain

from ai_patterns.operators.model_as_a_service import CheckServiceOperator
from ai_patterns.patterns.approval import approval
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import change_params, system_dag, woken_by
from ai_patterns.sensors.model_ready import ModelReadySensor
from ai_patterns.sensors.service_ready import ServiceReadySensor
from ai_patterns.spec.system import SystemSpec

STEP: Final = "model_as_a_service"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__model_as_a_service`: by hand, or woken by `{system}/model` where the spec declares a rollout."""
    return (_rollout(system) if system.rollout else _check(system),)


def _check(system: SystemSpec) -> DAG:
    """The service follows the champion by itself."""
    description = "Wait for a champion and for the service, then try it with one real request."
    with system_dag(system, STEP, schedule=PartitionedAtRuntime(), description=description) as dag:
        chain(*_infrastructure(system))
    return dag


def _rollout(system: SystemSpec) -> DAG:
    """Announces `{system}/champion`."""
    from ai_patterns.operators.model_rollout import RollOutModelOperator

    description = "Try the service, then lead a challenger through shadow and canary to the champion's place."
    schedule = woken_by(system, "model")
    with system_dag(system, STEP, schedule=schedule, description=description, params=change_params()) as dag:
        before = [*_infrastructure(system), *approval(system)]
        champion = [asset(system.name, "champion")]
        chain(*before, RollOutModelOperator(task_id="roll_out_model", system=system.folder, outlets=champion))
    return dag


def _infrastructure(system: SystemSpec) -> list[BaseOperator]:
    """Is there a champion, and does its service answer?"""
    champion = ModelReadySensor(
        task_id="wait_for_champion",
        system=system.folder,
        poke_interval=5,
        timeout=600,
        inlets=[asset(system.name, "champion")],
    )
    ready = ServiceReadySensor(task_id="wait_for_service", poke_interval=2, timeout=600)
    return [champion, ready, CheckServiceOperator(task_id="check_service", system=system.folder)]
