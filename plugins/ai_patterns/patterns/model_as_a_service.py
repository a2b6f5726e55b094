"""Model as a service: is the model behind its service well?"""

from __future__ import annotations

from airflow.sdk import DAG, PartitionedAtRuntime

from ai_patterns.operators.model_as_a_service import CheckServiceOperator
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import system_dag
from ai_patterns.sensors.model_ready import ModelReadySensor
from ai_patterns.sensors.service_ready import ServiceReadySensor
from ai_patterns.spec.system import SystemSpec

STEP = "model_as_a_service"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__model_as_a_service`, by hand: the service follows the champion by itself."""
    description = "Wait for a champion and for the service, then try it with one real request."
    with system_dag(system, STEP, schedule=PartitionedAtRuntime(), description=description) as dag:
        champion = ModelReadySensor(
            task_id="wait_for_champion",
            system=system.folder,
            poke_interval=5,
            timeout=600,
            inlets=[asset(system.name, "champion")],
        )
        ready = ServiceReadySensor(task_id="wait_for_service", poke_interval=2, timeout=600)
        _ = champion >> ready >> CheckServiceOperator(task_id="check_service", system=system.folder)
    return (dag,)
