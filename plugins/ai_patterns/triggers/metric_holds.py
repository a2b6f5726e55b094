"""Fires when a metric has kept to a bound."""

from __future__ import annotations

import asyncio
from typing import Any

from ai_patterns.core.metric_condition import Comparison, MetricCondition
from ai_patterns.triggers.polling import PollingTrigger


class MetricHoldsTrigger(PollingTrigger):
    """Waits until an expression has kept to a bound; the answer is the expression.

    Args:
        url: address of Prometheus.
        query: PromQL.
        comparison: the side of the bound.
        bound: in the metric's unit.
        seconds: how long it must have held.
        poll_interval: seconds between two questions.
    """

    def __init__(
        self,
        *,
        url: str,
        query: str,
        comparison: Comparison,
        bound: float,
        seconds: float = 0.0,
        poll_interval: float = 15.0,
    ) -> None:
        super().__init__(poll_interval)
        self.url, self.query = url, query
        self.comparison, self.bound, self.seconds = comparison, bound, seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("url", "query", "comparison", "bound", "seconds", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def ask(self) -> str | None:
        """The expression, once it has held."""
        return await asyncio.to_thread(self.look)

    def look(self) -> str | None:
        """The same, in the calling thread."""
        from ai_patterns.clients.prometheus import PrometheusApi

        condition = MetricCondition(self.comparison, self.bound, self.seconds)
        return self.query if PrometheusApi(self.url).holds(self.query, condition) else None
