"""A DAG as an existing installation has it: four of the operators, their own schedule, no builder and no asset."""

import os

from airflow.sdk import DAG

from ai_patterns.operators.batch_processing import BuildFeaturesOperator
from ai_patterns.operators.data_pipeline import (
    ExtractStreamsOperator,
    LoadDimensionsOperator,
    PublishStreamsOperator,
    ValidateStreamsOperator,
)
from ai_patterns.sensors.partition_published import PartitionPublishedSensor

with DAG("bikes", schedule=None):
    of = {"system": os.environ["DOCKS"], "days": "2024-03-02"}
    extract = ExtractStreamsOperator(task_id="extract", **of)
    validate = ValidateStreamsOperator(task_id="validate", **of)
    publish = PublishStreamsOperator(task_id="publish", **of)
    published = PartitionPublishedSensor(task_id="published", table="events/counted", **of)
    _ = extract >> validate >> publish >> published >> BuildFeaturesOperator(task_id="build_features", **of)
    _ = LoadDimensionsOperator(task_id="load_dimensions", **of) >> publish
