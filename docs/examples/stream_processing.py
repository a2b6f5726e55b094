"""A topic into the lake, each message once; then, after a fix, its dead letters back into it."""

from airflow.sdk import DAG

from ai_patterns.operators.stream_processing import LandTopicOperator, ReplayDeadLettersOperator
from ai_patterns.sensors.topic_caught_up import TopicCaughtUpSensor

with DAG("example_stream_processing", schedule="*/5 * * * *"):
    land = LandTopicOperator(task_id="land", system="flights", stream="departed")
    caught_up = TopicCaughtUpSensor(task_id="caught_up", system="flights", streams=["departed"])
    _ = land >> caught_up >> ReplayDeadLettersOperator(task_id="replay", system="flights", reason="range")
