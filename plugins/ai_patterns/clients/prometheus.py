"""Questions to Prometheus's HTTP API (prometheus.io/docs/prometheus/latest/querying/api)."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from ai_patterns.core.metric_condition import MetricCondition
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

TIMEOUT = 30.0


class PrometheusApi:
    """One Prometheus, or what speaks as it does.

    Args:
        url: its address.
        conn_id: the Airflow connection that errors name.
    """

    def __init__(self, url: str, conn_id: str | None = None) -> None:
        self.url, self.conn_id = url.rstrip("/"), conn_id

    def values(self, expression: str) -> dict[str, float]:
        """Each series of an expression (its labels as JSON) and its value now.

        Raises:
            ServiceRejectedError: the expression is not PromQL.
            ServiceUnavailableError: Prometheus is away, or fails.
        """
        return {name: values[-1] for name, values in self.history(expression, MetricCondition("!=", 0.0)).items()}

    def history(self, expression: str, condition: MetricCondition) -> dict[str, list[float]]:
        """Each series of an expression and its values over the condition's time up to now, oldest first.

        Raises:
            ServiceRejectedError: the expression is not PromQL.
            ServiceUnavailableError: Prometheus is away, or fails.
        """
        end = time.time()
        start = end - (condition.points - 1) * condition.step
        asked = {"query": expression, "start": start, "end": end, "step": condition.step}
        found = self._ask("query_range", asked)["result"]
        return {
            json.dumps(series["metric"], sort_keys=True): [float(value) for _, value in series["values"]]
            for series in found
        }

    def holds(self, expression: str, condition: MetricCondition) -> bool:
        """Whether an expression has kept to a condition.

        Raises:
            ServiceRejectedError: the expression is not PromQL.
            ServiceUnavailableError: Prometheus is away, or fails.
        """
        return condition.holds(self.history(expression, condition))

    def _ask(self, what: str, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            response = httpx.post(f"{self.url}/api/v1/{what}", data=asked, timeout=TIMEOUT)
        except httpx.HTTPError as error:
            raise ServiceUnavailableError(
                f"Prometheus at {self.url} is away: {error}.", conn_id=self.conn_id
            ) from error
        if response.is_success:
            answer: dict[str, Any] = response.json()["data"]
            return answer
        kind = ServiceRejectedError if response.is_client_error else ServiceUnavailableError
        raise kind(f"Prometheus at {self.url} refused: {response.text[:300]}", conn_id=self.conn_id)
