"""Batch processing: events to tiles and value logs."""

from __future__ import annotations

from typing import Any, Final

from airflow.sdk import DAG, BaseOperator

from ai_patterns.operators.batch_processing import BuildFeaturesOperator
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import system_dag, woken_by
from ai_patterns.spec.system import SystemSpec

STEP: Final = "batch_processing"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__batch_processing`, woken by `{system}/events`; announces `{system}/batch_tiles`."""
    description = "Aggregate each partition of events into mergeable tiles and the features' value log."
    events, tiles = asset(system.name, "events"), asset(system.name, "batch_tiles")
    with system_dag(system, STEP, schedule=woken_by(system, "events"), description=description) as dag:
        operator: Any = _on_spark() if system.engine == "spark" else BuildFeaturesOperator
        operator(task_id="build_features", system=system.folder, inlets=[events], outlets=[tiles])
    return (dag,)


def _on_spark() -> type[BaseOperator]:
    # Airflow's Spark provider takes long to import, and is not always installed.
    from ai_patterns.operators.spark_features import SubmitSparkFeaturesOperator

    return SubmitSparkFeaturesOperator
