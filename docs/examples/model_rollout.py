"""A challenger in shadow, for growing shares of the keys, then as the champion; or back at once by hand."""

from airflow.sdk import DAG

from ai_patterns.operators.model_rollout import EndRolloutOperator, RollOutModelOperator

with DAG("example_model_rollout", schedule=None):
    RollOutModelOperator(task_id="roll_out", system="flights", version="challenger")
    EndRolloutOperator(task_id="end_rollout", system="flights")
