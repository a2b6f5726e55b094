"""Feature store: value logs to the training set and to the online store."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, TaskGroup

from ai_patterns.operators.feature_store import (
    ApplyFeatureRepositoryOperator,
    BuildTrainingSetOperator,
    CheckFreshnessOperator,
    MaterializeFeaturesOperator,
)
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import system_dag, woken_by
from ai_patterns.spec.system import SystemSpec

STEP: Final = "feature_store"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__feature_store`, woken by `{system}/batch_tiles`.

    Announces `{system}/training_set` and `{system}/online_features`.
    """
    description = "Bring the features to where they are read: the offline training set and the online store."
    with system_dag(system, STEP, schedule=woken_by(system, "batch_tiles"), description=description) as dag:
        _offline(system)
        _online(system)
    return (dag,)


def _offline(system: SystemSpec) -> None:
    with TaskGroup("offline_store", tooltip="Each decision with its features as they were known then."):
        BuildTrainingSetOperator(
            task_id="build_training_set",
            system=system.folder,
            inlets=[asset(system.name, "batch_tiles")],
            outlets=[asset(system.name, "training_set")],
        )


def _online(system: SystemSpec) -> None:
    with TaskGroup("online_store", tooltip="The newest values, for Feast's online reads."):
        apply = ApplyFeatureRepositoryOperator(task_id="apply_repository", system=system.folder)
        materialize = MaterializeFeaturesOperator(
            task_id="materialize_features",
            system=system.folder,
            inlets=[asset(system.name, "batch_tiles")],
            outlets=[asset(system.name, "online_features")],
        )
        _ = apply >> materialize >> CheckFreshnessOperator(task_id="check_freshness", system=system.folder)
