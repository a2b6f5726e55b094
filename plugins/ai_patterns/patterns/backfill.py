"""The cascading backfill of a system, by hand."""

from __future__ import annotations

from airflow.sdk import DAG, Param, PartitionedAtRuntime

from ai_patterns.operators.backfill import BackfillPartitionOperator, PlanBackfillOperator
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import system_dag
from ai_patterns.spec.system import SystemSpec

STEP = "backfill"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__backfill`, by hand; announces `{system}/batch_tiles` where the newest values changed."""
    description = "Correct a partition of events, compute again what depends on it, and turn all readers at once."
    with system_dag(
        system, STEP, schedule=PartitionedAtRuntime(), description=description, params=_params(system)
    ) as dag:
        plan = PlanBackfillOperator(task_id="plan_backfill", system=system.folder)
        backfill = BackfillPartitionOperator(
            task_id="backfill_partition", system=system.folder, outlets=[asset(system.name, "batch_tiles")]
        )
        _ = plan >> backfill
    return (dag,)


def _params(system: SystemSpec) -> dict[str, Param]:
    return {
        "stream": Param(None, enum=[None, *system.streams], title="Stream", description="Empty: every stream."),
        "origin": Param(
            "sources",
            type="string",
            enum=["sources", "topics", "quarantine", "lake"],
            title="From",
            description="Where the right rows are; `lake`: the events are corrected already.",
        ),
        "overrides": Param(
            None,
            type=["null", "object"],
            title="Other files",
            description="Source name -> a CSV or Parquet file to read instead, such as a correction.",
        ),
        "fix_sql": Param(
            None, type=["null", "string"], title="SQL", description="Mends the rows in quarantine, as for `readmit`."
        ),
        "dry_run": Param(True, type="boolean", title="Dry run", description="Plan alone; replace nothing."),
    }
