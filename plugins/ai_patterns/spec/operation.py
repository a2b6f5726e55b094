"""How a system's DAGs run."""

from __future__ import annotations

from typing import Literal

from ai_patterns.spec.base import Part

Step = Literal[
    "backfill",
    "batch_processing",
    "batch_scoring",
    "data_pipeline",
    "feature_store",
    "feedback_loop",
    "lambda_architecture",
    "microservices",
    "model_as_a_service",
    "model_promotion",
    "model_training",
    "monitoring",
    "stream_processing",
]
"""Of the DAG `{system}__{step}`."""


class SchedulesSpec(Part):
    """Cron expressions; `None` leaves a DAG to its assets and to hand."""

    data_pipeline: str | None = "0 1 * * *"
    stream_processing: str | None = None
    lambda_architecture: str | None = None
    monitoring: str | None = "0 3 * * 1"
    feedback_loop: str | None = None
    microservices: str | None = None
