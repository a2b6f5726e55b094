"""A model of your own in MLflow: promoted if it is better than its champion on the same labelled rows."""

from airflow.sdk import DAG

from ai_patterns.operators.registered_model import PromoteRegisteredModelOperator, RollbackRegisteredModelOperator

with DAG("example_registered_model", schedule=None):
    PromoteRegisteredModelOperator(
        task_id="promote",
        model="fraud",
        evaluation="/data/fraud/labelled.parquet",
        label_column="fraud",
        time_column="decided_at",
        gates={"compare": "logloss", "absolute": {"auc": {"min": 0.7}}},
    )
    RollbackRegisteredModelOperator(task_id="roll_back", model="fraud")
