"""Once there is a champion and its service is ready, one real request is sent to it."""

from airflow.sdk import DAG

from ai_patterns.operators.model_as_a_service import CheckServiceOperator
from ai_patterns.sensors.model_ready import ModelReadySensor
from ai_patterns.sensors.service_ready import ServiceReadySensor

with DAG("example_model_as_a_service", schedule=None):
    champion = ModelReadySensor(task_id="wait_for_champion", system="flights")
    ready = ServiceReadySensor(task_id="wait_for_service")
    _ = champion >> ready >> CheckServiceOperator(task_id="check_service", system="flights")
