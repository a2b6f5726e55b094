"""Kafka behind an Airflow connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.embedded import EmbeddedHook

if TYPE_CHECKING:
    from ai_patterns.clients.kafka import Broker

SERVERS = "bootstrap.servers"


class KafkaHook(EmbeddedHook):
    """Finds the cluster.

    The connection's `host` and `port` name a server, or its `extra` holds `bootstrap.servers` as for Airflow's Kafka
    provider; the rest of `extra` are settings of the client library, such as credentials. Without a connection it is
    the broker that `ai-patterns up kafka` started.
    """

    default_conn_name = "ai_patterns_kafka"

    def look(self) -> object:
        """Ask for something small."""
        return self.broker().topics()

    def broker(self) -> Broker:
        """The way to the cluster; it is not asked yet."""
        from ai_patterns.clients.kafka import Broker

        servers, options = self.target
        return Broker(servers, options, self.conn_id)

    @cached_property
    def target(self) -> tuple[str, dict[str, str]]:
        """Servers and settings, plain enough to hand to a trigger.

        Raises:
            ServiceUnavailableError: there is no connection, and no broker was started here.
        """
        embedded = _embedded()
        connection = self.find_connection(embedded)
        if connection is not None:
            options = {name: str(value) for name, value in connection.extra_dejson.items()}
            address = f"{connection.host}:{connection.port}" if connection.port else connection.host or ""
            return options.pop(SERVERS, "") or address, options
        if embedded is None:
            raise ServiceUnavailableError("no broker was started here: `ai-patterns up kafka`.", conn_id=self.conn_id)
        return embedded, {}


def _embedded() -> str | None:
    from ai_patterns.runtimes.kafka import Kafka

    runtime = Kafka(Home.from_environment().runtimes / Kafka.name)
    return None if runtime.port is None else runtime.address
