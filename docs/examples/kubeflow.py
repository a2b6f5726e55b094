"""A compiled pipeline on Kubeflow; a retry waits for the run that the first try started."""

from airflow.sdk import DAG

from ai_patterns.operators.kubeflow import KubeflowRunOperator

with DAG("example_kubeflow", schedule=None):
    KubeflowRunOperator(
        task_id="train", pipeline="/pipelines/flights.yaml", parameters={"days": "2013-01-01/2013-03-31"}
    )
