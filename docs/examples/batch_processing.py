"""Tiles and values of every feature group, for the day of the run."""

from airflow.sdk import DAG

from ai_patterns.operators.batch_processing import BuildFeaturesOperator

with DAG("example_batch_processing", schedule="@daily"):
    BuildFeaturesOperator(task_id="build_features", system="flights")
