"""A week of data and predictions, looked at; an alarm fails the report and with it the run."""

from airflow.sdk import DAG

from ai_patterns.operators.monitoring import (
    CheckParityOperator,
    CheckPredictionsOperator,
    CheckQualityOperator,
    DetectDriftOperator,
    WriteReportOperator,
)

with DAG("example_monitoring", schedule=None):
    week = {"system": "flights", "days": "2013-04-01/2013-04-07"}
    checks = [
        CheckQualityOperator(task_id="check_quality", **week),
        DetectDriftOperator(task_id="detect_drift", **week),
        CheckPredictionsOperator(task_id="check_predictions", **week),
        CheckParityOperator(task_id="check_parity", **week),
    ]
    _ = checks >> WriteReportOperator(task_id="write_report", trigger_rule="all_done", **week)
