"""Waits for a metric."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from ai_patterns.core.metric_condition import Comparison, MetricCondition
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.prometheus import PrometheusHook
from ai_patterns.sensors.deferring import DeferringSensor
from ai_patterns.triggers.metric_holds import MetricHoldsTrigger


class MetricHoldsSensor(DeferringSensor):
    """Waits until each series of a PromQL expression has kept to a bound, such as errors below 1 % for 5 minutes.

    An expression without a series, or a series with a gap, has not held.

    Args:
        query: the expression.
        comparison: the side of the bound.
        bound: in the metric's unit.
        held_for: how long; by default now is enough.
        prometheus_conn_id: connection of Prometheus; it is asked without credentials.
        kwargs: as of `DeferringSensor`.
    """

    template_fields: Sequence[str] = ("query",)

    def __init__(
        self,
        *,
        query: str,
        comparison: Comparison,
        bound: float,
        held_for: dt.timedelta = dt.timedelta(0),
        prometheus_conn_id: str = PrometheusHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        MetricCondition(comparison, bound, held_for.total_seconds())  # a wrong one fails where the DAG is read
        self.query, self.comparison, self.bound = query, comparison, bound
        self.held_for, self.prometheus_conn_id = held_for, prometheus_conn_id

    def trigger(self, context: Context) -> MetricHoldsTrigger:  # noqa: ARG002  the same for every run
        """The trigger that waits for the same metric."""
        return MetricHoldsTrigger(
            url=PrometheusHook(self.prometheus_conn_id).url,
            query=self.query,
            comparison=self.comparison,
            bound=self.bound,
            seconds=self.held_for.total_seconds(),
            poll_interval=self.poke_interval,
        )

    def look(self, context: Context) -> str | None:
        """The expression, once it has held."""
        trigger = self.trigger(context)
        try:
            return trigger.look()
        except ServiceUnavailableError as error:
            self.log.info("%s", error)
            return None
