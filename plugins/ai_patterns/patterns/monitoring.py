"""Monitoring: data, predictions, and what to be alarmed about."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, TaskGroup

from ai_patterns.operators.monitoring import (
    CheckParityOperator,
    CheckPredictionsOperator,
    CheckQualityOperator,
    DetectDriftOperator,
    WriteReportOperator,
)
from ai_patterns.patterns.frame import system_dag, weekly
from ai_patterns.patterns.prediction_topic import land_predictions
from ai_patterns.spec.system import SystemSpec

STEP: Final = "monitoring"


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__monitoring`, weekly; its verdicts are rows of `checks` and Airflow metrics."""
    description = (
        "Check the week's data, features and predictions against the reference and what was known, and report."
    )
    schedule = weekly(system.schedules.monitoring)
    with system_dag(system, STEP, schedule=schedule, description=description) as dag:
        with TaskGroup("checks", tooltip="Each verdict is a row in the lake and a metric.") as checks:
            CheckQualityOperator(task_id="check_quality", system=system.folder)
            DetectDriftOperator(task_id="detect_drift", system=system.folder)
            of_predictions = [
                CheckPredictionsOperator(task_id="check_predictions", system=system.folder, trigger_rule="none_failed"),
                CheckParityOperator(
                    task_id="check_parity", system=system.folder, fail_on_alarm=False, trigger_rule="none_failed"
                ),
            ]
        # A check without data is skipped; the report tells of those that ran, and turns red on their alarms.
        report = WriteReportOperator(task_id="write_report", system=system.folder, trigger_rule="none_failed")
        for landing in land_predictions(system):
            _ = landing >> of_predictions
        _ = checks >> report
    return (dag,)
