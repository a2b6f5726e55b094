"""Predictions from their topic into the lake, before something that reads them."""

from airflow.sdk import DAG

from ai_patterns.operators.feedback_loop import JoinLabelsOperator
from ai_patterns.operators.prediction_topic import LandPredictionsOperator

with DAG("example_prediction_topic", schedule="@hourly"):
    land = LandPredictionsOperator(task_id="land", system="flights")
    # Where nothing waits the landing is skipped.
    _ = land >> JoinLabelsOperator(task_id="join_labels", system="flights", trigger_rule="none_failed")
