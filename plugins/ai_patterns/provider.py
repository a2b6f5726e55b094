"""What Airflow learns about the wheel as a provider."""

from __future__ import annotations

from typing import Any

from ai_patterns import __version__
from ai_patterns.connection_types import connection_types

HOOKS = ("embedded", "feature_store", "flink", "kafka", "kubeflow", "lake", "mlflow", "prometheus", "serving")
OPERATORS = (
    "approval",
    "backfill",
    "batch_processing",
    "data_pipeline",
    "feature_store",
    "feedback_loop",
    "flink_sql",
    "kubeflow",
    "lambda_architecture",
    "luigi",
    "microservices",
    "model_as_a_service",
    "model_rollout",
    "monitoring",
    "online_offline_serving",
    "prediction_topic",
    "registered_model",
    "spark_features",
    "stream_processing",
)
SENSORS = ("metric_holds", "model_ready", "partition_published", "service_ready", "topic_caught_up")
TRIGGERS = (
    "consumer_lag",
    "flink_job",
    "kubeflow_run",
    "metric_holds",
    "model_ready",
    "partition_published",
    "rollout_due",
    "service_ready",
)
NAME = "AI patterns"


def get_provider_info() -> dict[str, Any]:
    """The provider's description, in Airflow's `provider_info.schema.json`."""
    return {
        "package-name": "ai-patterns-airflow",
        "name": NAME,
        "description": "The ten design patterns of scalable AI systems, built from one typed spec.",
        "versions": [__version__],
        "hooks": [_modules("hooks", HOOKS)],
        "connection-types": connection_types(),
        "operators": [_modules("operators", OPERATORS)],
        "sensors": [_modules("sensors", SENSORS)],
        "triggers": [_modules("triggers", TRIGGERS)],
        "extra-links": [
            "ai_patterns.operators.page_link.SystemPageLink",
            "ai_patterns.operators.spark_features.SparkApplicationLink",
        ],
        "cli": ["ai_patterns.cli.airflow.get_commands"],
    }


def _modules(layer: str, stems: tuple[str, ...]) -> dict[str, Any]:
    return {"integration-name": NAME, "python-modules": [f"ai_patterns.{layer}.{stem}" for stem in stems]}
