"""Lambda architecture: the batch layer takes over from the speed layer, day by day, and is certified."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, TaskGroup, TriggerRule

from ai_patterns.operators.batch_processing import BuildFeaturesOperator
from ai_patterns.operators.lambda_architecture import (
    AdvanceBoundaryOperator,
    CertifyLayersOperator,
    PublishLandedOperator,
    SealBoundaryOperator,
)
from ai_patterns.operators.stream_processing import LandTopicOperator
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import daily, system_dag
from ai_patterns.spec.system import SystemSpec

STEP: Final = "lambda_architecture"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__lambda_architecture` for a system with topics, one run a day; announces `{system}/batch_tiles`."""
    topics = [name for name, stream in system.streams.items() if stream.topic is not None]
    if not topics:
        return ()
    schedule = daily(system.schedules.lambda_architecture)
    description = "Move the boundary between batch and speed layer to the day's end, and certify both merged."
    folder, published = system.folder, "ti.xcom_pull(task_ids='publish_landed')"
    with system_dag(system, STEP, schedule=schedule, description=description) as dag:
        seal = SealBoundaryOperator(task_id="seal_boundary", system=folder)
        with TaskGroup("land_topics", tooltip="Whatever was folded before the seal must be in the lake.") as land:
            for name in topics:
                LandTopicOperator(task_id=f"land_{name}", system=folder, stream=name)
        # A topic of which all has landed is skipped, and so is everything before the first event.
        publish = PublishLandedOperator(task_id="publish_landed", system=folder, trigger_rule=TriggerRule.NONE_FAILED)
        build_tiles = BuildFeaturesOperator(
            task_id="build_features",
            system=folder,
            days=f"{{{{ {published}['days'] }}}}",
            outlets=[asset(system.name, "batch_tiles")],
        )
        advance = AdvanceBoundaryOperator(
            task_id="advance_boundary", system=folder, offsets=f"{{{{ {published}['offsets'] | tojson }}}}"
        )
        certify = CertifyLayersOperator(task_id="certify_layers", system=folder)
        _ = seal >> land >> publish >> build_tiles >> advance >> certify
    return (dag,)
