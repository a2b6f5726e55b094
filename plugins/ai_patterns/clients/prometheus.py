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

    def history(self, expression: str, points: int = 1, step: int = 1) -> dict[str, list[float]]:
        """Each series of an expression (its labels as JSON) and its values up to now, oldest first.

        Args:
            expression: PromQL.
            points: values of a series without a gap.
            step: seconds between two of them.

        Raises:
            ServiceRejectedError: the expression is not PromQL.
            ServiceUnavailableError: Prometheus is away, or fails.
        """
        # Prometheus counts in milliseconds: a span that it rounded would lack a point.
        end = time.time_ns() // 1_000_000
        start = end - (points - 1) * step * 1000
        asked = {"query": expression, "start": start / 1000, "end": end / 1000, "step": step}
        return {
            json.dumps(series["metric"], sort_keys=True): [float(value) for _, value in series["values"]]
            for series in self._ask("query_range", asked)["result"]
        }

    def holds(self, expression: str, condition: MetricCondition) -> bool:
        """Whether an expression has kept to a condition.

        Raises:
            ServiceRejectedError: the expression is not PromQL.
            ServiceUnavailableError: Prometheus is away, or fails.
        """
        return condition.holds(self.history(expression, condition.points, condition.step))

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
