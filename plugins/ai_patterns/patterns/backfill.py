"""The cascading backfill of a system, by hand or by Airflow's backfill."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, Param, chain

from ai_patterns.operators.backfill import AnnounceBackfillOperator, BackfillPartitionOperator, PlanBackfillOperator
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import system_dag
from ai_patterns.patterns.timetable import BackfillTimetable
from ai_patterns.spec.system import SystemSpec

STEP: Final = "backfill"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__backfill`, a run a day; announces `{system}/batch_tiles` where the newest values changed."""
    description = "Correct a partition of events, compute again what depends on it, and turn all readers at once."
    with system_dag(system, STEP, schedule=BackfillTimetable(), description=description, params=_params(system)) as dag:
        # The runs of Airflow's backfill heed its own `max_active_runs` and not the DAG's; two at once would only wait
        # for each other.
        plan = PlanBackfillOperator(task_id="plan_backfill", system=system.folder, max_active_tis_per_dag=1)
        backfill = BackfillPartitionOperator(
            task_id="backfill_partition", system=system.folder, max_active_tis_per_dag=1
        )
        announce = AnnounceBackfillOperator(
            task_id="announce_backfill",
            system=system.folder,
            backfill_task_id=backfill.task_id,
            outlets=[asset(system.name, "batch_tiles")],
        )
        chain(plan, backfill, announce)
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
