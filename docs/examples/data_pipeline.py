"""A day of events: extracted, held against its expectations, published; bad rows are quarantined."""

from airflow.sdk import DAG

from ai_patterns.operators.data_pipeline import (
    ExtractStreamsOperator,
    LoadDimensionsOperator,
    PublishStreamsOperator,
    ValidateStreamsOperator,
)

with DAG("example_data_pipeline", schedule="@daily"):
    extract = ExtractStreamsOperator(task_id="extract", system="flights")
    validate = ValidateStreamsOperator(task_id="validate", system="flights")
    dimensions = LoadDimensionsOperator(task_id="load_dimensions", system="flights")
    _ = extract >> validate >> dimensions >> PublishStreamsOperator(task_id="publish", system="flights")
