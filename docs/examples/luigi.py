"""An existing Luigi graph as Airflow tasks, one each; `ai-patterns luigi` wrote its shape down."""

from pathlib import Path

from airflow.sdk import DAG

from ai_patterns.operators.luigi import LuigiTaskGroup, RunLuigiTaskOperator

# ai-patterns luigi report_tasks Report --parameter day=2024-03-05 --output luigi.json
GRAPH = Path(__file__).with_name("luigi.json")

with DAG("example_luigi", schedule=None):
    LuigiTaskGroup("report", graph=GRAPH, parameters={"day": "{{ ds }}"})
    RunLuigiTaskOperator(task_id="count_alone", graph=GRAPH, node="Count", parameters={"day": "{{ ds }}"})
