"""A corrected day, and all that was computed from it; the params of the run say what is right."""

from airflow.sdk import DAG, Asset, chain

from ai_patterns.operators.backfill import AnnounceBackfillOperator, BackfillPartitionOperator, PlanBackfillOperator

with DAG("example_backfill", schedule=None, params={"origin": "sources", "dry_run": False}):
    chain(
        PlanBackfillOperator(task_id="plan", system="flights", days="2013-02-09"),
        BackfillPartitionOperator(task_id="backfill", system="flights", days="2013-02-09"),
        AnnounceBackfillOperator(
            task_id="announce", system="flights", backfill_task_id="backfill", outlets=[Asset("flights/batch_tiles")]
        ),
    )
