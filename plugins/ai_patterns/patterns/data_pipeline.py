"""Data pipeline: sources to audited, published events."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, Param, TaskGroup

from ai_patterns.operators.data_pipeline import (
    ExtractStreamsOperator,
    LoadDimensionsOperator,
    PublishStreamsOperator,
    ValidateStreamsOperator,
)
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import daily, system_dag
from ai_patterns.spec.system import SystemSpec

STEP: Final = "data_pipeline"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__data_pipeline`, one run a day; announces `{system}/events`."""
    schedule, description = daily(system.schedules.data_pipeline), "Write, audit and publish each day's events."
    params = {"overrides": _overrides(), "origin": _origin()}
    with system_dag(system, STEP, schedule=schedule, description=description, params=params) as dag:
        with TaskGroup("ingest_partition", tooltip="Nothing is visible before it passed its expectations."):
            extract = ExtractStreamsOperator(task_id="extract_streams", system=system.folder)
            validate = ValidateStreamsOperator(task_id="validate_streams", system=system.folder)
            publish = PublishStreamsOperator(
                task_id="publish_streams", system=system.folder, outlets=[asset(system.name, "events")]
            )
        _ = extract >> validate >> publish
        if system.dimensions:
            _ = LoadDimensionsOperator(task_id="load_dimensions", system=system.folder) >> publish
    return (dag,)


def _overrides() -> Param:
    return Param(
        None,
        type=["null", "object"],
        title="Other files",
        description="For this run only: source name -> a CSV or Parquet file to read instead, such as a correction.",
    )


def _origin() -> Param:
    return Param(
        "sources",
        type="string",
        enum=["sources", "topics"],
        title="Origin",
        description="`topics` takes the streams that have a topic from what stream_processing landed of it; land the "
        "whole day first.",
    )
