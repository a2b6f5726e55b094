"""Microservices: each service its own processes, replaced and scaled while clients go on."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, Param, TaskGroup, TriggerRule

from ai_patterns.operators.microservices import CheckContractsOperator, DeployServiceOperator, ScaleServiceOperator
from ai_patterns.patterns.frame import system_dag
from ai_patterns.spec.system import SystemSpec

STEP: Final = "microservices"
SERVICES = ("features", "inference", "feedback")
WORKER = "stream_worker"
LAG = {"high": 10_000, "low": 500}
"""Messages that wait, at which a worker is added or taken away."""


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__microservices`, by hand or by the schedule of the spec: contracts, rollout, scaling."""
    description = "Deploy the system's services, or replace them replica by replica, and scale them by their traffic."
    schedule = system.schedules.microservices
    with system_dag(system, STEP, schedule=schedule, description=description, params=_params()) as dag:
        contracts = CheckContractsOperator(task_id="check_contracts", system=system.folder)
        with TaskGroup("deploy", tooltip="A new replica serves once it is ready and keeps the contract.") as deploy:
            for service in _services(system):
                DeployServiceOperator(task_id=f"deploy_{service}", system=system.folder, service=service)
        with TaskGroup("scale", tooltip="By the mean time to an answer; stream workers by what waits.") as scale:
            for service in _services(system):
                ScaleServiceOperator(
                    task_id=f"scale_{service}",
                    system=system.folder,
                    service=service,
                    trigger_rule=TriggerRule.NONE_FAILED,
                    **(LAG if service == WORKER else {}),
                )
        _ = contracts >> deploy >> scale
    return (dag,)


def _services(system: SystemSpec) -> tuple[str, ...]:
    streamed = any(stream.topic is not None for stream in system.streams.values())
    return (*SERVICES, WORKER) if streamed else SERVICES


def _params() -> dict[str, Param]:
    return {
        "restart": Param(
            False, type="boolean", title="Restart", description="Replace every replica, also where nothing has changed."
        ),
        "replicas": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=7,
            title="Replicas",
            description="Of each service; empty: as many as before.",
        ),
        "breaking": Param(
            False,
            type="boolean",
            title="Allow breaking changes",
            description="Deploy although clients of what runs now would miss something.",
        ),
    }
