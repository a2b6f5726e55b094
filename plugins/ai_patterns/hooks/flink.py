"""Flink behind an Airflow connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.embedded import EmbeddedHook, location

if TYPE_CHECKING:
    from ai_patterns.clients.flink import Flink


class FlinkSqlGatewayHook(EmbeddedHook):
    """Finds the cluster by its SQL gateway, which tells where the JobManager is.

    The connection is the gateway's address (`http`, host, port). Without one it is the gateway that
    `ai-patterns up flink` started.
    """

    default_conn_name = "ai_patterns_flink"
    conn_type = "ai_patterns_flink"
    hook_name = "AI patterns: Flink SQL gateway"

    def look(self) -> object:
        """Ask for something small."""
        return self.flink().settings

    def flink(self) -> Flink:
        """The cluster; it is not asked yet."""
        from ai_patterns.clients.flink import Flink

        return Flink(self.url, self.conn_id)

    @cached_property
    def url(self) -> str:
        """Address of the SQL gateway.

        Raises:
            ServiceUnavailableError: there is no connection, and no cluster was started here.
        """
        embedded = _embedded()
        connection = self.find_connection(embedded)
        if connection is not None:
            return location(connection).rstrip("/")
        if embedded is None:
            raise ServiceUnavailableError("no cluster was started here: `ai-patterns up flink`.", conn_id=self.conn_id)
        return embedded


def _embedded() -> str | None:
    from ai_patterns.runtimes.flink import Flink

    runtime = Flink(Home.from_environment().runtimes / Flink.name)
    return None if runtime.port is None else runtime.gateway_url
