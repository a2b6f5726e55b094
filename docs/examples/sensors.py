"""Each of them leaves its slot while it waits."""

from datetime import timedelta

from airflow.sdk import DAG

from ai_patterns.sensors.metric_holds import MetricHoldsSensor
from ai_patterns.sensors.model_ready import ModelReadySensor
from ai_patterns.sensors.partition_published import PartitionPublishedSensor
from ai_patterns.sensors.service_ready import ServiceReadySensor
from ai_patterns.sensors.topic_caught_up import TopicCaughtUpSensor

with DAG("example_sensors", schedule=None):
    PartitionPublishedSensor(task_id="day", system="flights", table="events/arrived", days="2013-04-01")
    ModelReadySensor(task_id="model", model="fraud")
    ServiceReadySensor(task_id="service")
    TopicCaughtUpSensor(task_id="topics", system="flights")
    MetricHoldsSensor(
        task_id="calm", query="ai_patterns:errors:ratio5m", comparison="<", bound=0.01, held_for=timedelta(minutes=5)
    )
