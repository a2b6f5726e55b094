"""The button on a task instance that leads to the system's page about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs
from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

PAGES = {
    "data_pipeline": "quality",
    "stream_processing": "streams",
    "lambda_architecture": "streams",
    "backfill": "features",
    "batch_processing": "features",
    "spark_features": "features",
    "feature_store": "features",
    "online_offline_serving": "models",
    "model_as_a_service": "predictions",
    "feedback_loop": "models",
    "monitoring": "quality",
}
"""Module of an operator -> the page that shows what it does; the costs are for all others."""


@attrs.define()
class SystemPageLink(BaseOperatorLink):
    """Leads to the page of the operator's system that shows what the task has done."""

    name = "AI patterns"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002  Airflow's signature
        """The page's path, below Airflow's own address."""
        below = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        page = PAGES.get(type(operator).__module__.rpartition(".")[2], "costs")
        return f"{below}/ai-patterns/systems/{operator.spec.name}/{page}"
