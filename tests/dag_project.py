"""What the tests of the DAG files share: where they are, and a second system that is unlike flights."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = (
    "data_pipeline",
    "batch_processing",
    "backfill",
    "feature_store",
    "model_training",
    "model_promotion",
    "batch_scoring",
    "model_as_a_service",
    "microservices",
    "feedback_loop",
    "monitoring",
)
STREAMED = ("stream_processing", "lambda_architecture")
"""What a system has besides whose streams have topics, as those of flights and not of the greenhouse."""

GREENHOUSE = """
name: greenhouse
description: How many litres will a bed drink tomorrow?
owner: growers
start: 2024-05-01
sources: {readings: {path: readings.csv}}
streams:
  readings:
    sql: readings.sql
    key: [reading_id]
    event_time: read_at
    known_time: read_at
    columns: {reading_id: string, read_at: timestamp, bed: string, litres: {type: double, min: 0}}
groups:
  drunk:
    {stream: readings, key: [bed], hop: 1h, aggregations: {litres: {function: mean, column: litres, windows: [1d]}}}
decision:
  stream: readings
  inputs: [reading_id, read_at, bed]
  label: {stream: readings, column: litres, maturity: 1h}
model:
  task: regression
  estimator: sklearn.linear_model.Ridge
  features: {drunk: [drunk__litres_1d]}
gates: {compare: rmse}
feedback: {metric: rmse, max_loss: 1, max_age: 30d, cooldown: 1d, budget: 3}
schedules: {data_pipeline: null, monitoring: null}
"""
