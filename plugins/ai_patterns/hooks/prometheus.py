"""Prometheus behind an Airflow connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.embedded import EmbeddedHook, location

if TYPE_CHECKING:
    from ai_patterns.clients.prometheus import PrometheusApi


class PrometheusHook(EmbeddedHook):
    """Asks Prometheus.

    The connection is its address (`http`, host, port). Without one it is the Prometheus that
    `ai-patterns up prometheus` started.
    """

    default_conn_name = "ai_patterns_prometheus"
    conn_type = "ai_patterns_prometheus"
    hook_name = "AI patterns: Prometheus"

    def look(self) -> object:
        """Ask for something small."""
        return self.api().history("up")

    def api(self) -> PrometheusApi:
        """Its HTTP API; it is not asked yet."""
        from ai_patterns.clients.prometheus import PrometheusApi

        return PrometheusApi(self.url, self.conn_id)

    @cached_property
    def url(self) -> str:
        """Its address, without a slash at the end.

        Raises:
            ServiceUnavailableError: there is no connection, and none was started here.
        """
        embedded = _embedded()
        connection = self.find_connection(embedded)
        if connection is not None:
            return location(connection).rstrip("/")
        if embedded is None:
            problem = "no Prometheus was started here: `ai-patterns up prometheus`."
            raise ServiceUnavailableError(problem, conn_id=self.conn_id)
        return embedded


def _embedded() -> str | None:
    from ai_patterns.runtimes.prometheus import Prometheus

    runtime = Prometheus(Home.from_environment().runtimes / Prometheus.name)
    return None if runtime.port is None else runtime.url
