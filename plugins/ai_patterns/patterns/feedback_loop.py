"""Feedback loop: labels, performance, and the decision to train again."""

from __future__ import annotations

from typing import Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, PartitionedAtRuntime, TaskGroup

from ai_patterns.operators.feedback_loop import (
    DECISION,
    DecideRetrainingOperator,
    JoinLabelsOperator,
    MeasurePerformanceOperator,
)
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import system_dag, weekly
from ai_patterns.patterns.prediction_topic import land_predictions
from ai_patterns.spec.system import SystemSpec

STEP: Final = "feedback_loop"
_DECISION = f"ti.xcom_pull(task_ids='decide_retraining', key='{DECISION}')"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__feedback_loop`, weekly where the spec says so, else by hand; may start the model training."""
    description = "Join the labels that have matured, measure, and decide on retraining."
    schedule = weekly(system.schedules.feedback_loop) or PartitionedAtRuntime()
    with system_dag(system, STEP, schedule=schedule, description=description) as dag:
        decide = DecideRetrainingOperator(
            task_id="decide_retraining",
            system=system.folder,
            if_retrain="retrain_model",
            otherwise="keep_champion",
            trigger_rule="none_failed",  # a champion also ages without predictions
        )
        measure = _measure(system)
        for landing in land_predictions(system):
            _ = landing >> measure
        _ = measure >> decide >> [_retrain(system), EmptyOperator(task_id="keep_champion")]
    return (dag,)


def _measure(system: SystemSpec) -> TaskGroup:
    predictions, labels = asset(system.name, "predictions"), asset(system.name, "labels")
    with TaskGroup("measure", tooltip="What turned out to be true, against what was predicted.") as group:
        join = JoinLabelsOperator(
            task_id="join_labels",
            system=system.folder,
            inlets=[predictions],
            outlets=[labels],
            trigger_rule="none_failed",
        )
        measure = MeasurePerformanceOperator(
            task_id="measure_performance",
            system=system.folder,
            inlets=[predictions, labels],
            outlets=[asset(system.name, "performance")],
        )
        _ = join >> measure
    return group


def _retrain(system: SystemSpec) -> TriggerDagRunOperator:
    return TriggerDagRunOperator(
        task_id="retrain_model",
        trigger_dag_id=f"{system.name}__model_training",
        conf={"days": f"{{{{ {_DECISION}['days'] }}}}", "as_of": f"{{{{ {_DECISION}['as_of'] }}}}"},
    )
