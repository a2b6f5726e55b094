"""The model registry behind an Airflow connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.embedded import EmbeddedHook, location

if TYPE_CHECKING:
    from ai_patterns.clients.mlflow import Registry


class MLflowHook(EmbeddedHook):
    """Opens the model registry of a system.

    The connection is an MLflow server (`http`, host, port) or a `host` such as `sqlite:////data/mlflow.db`.
    Without a connection it is the registry of `clients.home`.
    """

    default_conn_name = "ai_patterns_mlflow"
    conn_type = "ai_patterns_mlflow"
    hook_name = "AI patterns: MLflow"

    def look(self) -> object:
        """Ask for something small."""
        return self.registry("look").versions()

    def registry(self, system: str) -> Registry:
        """The registry of the system named `system`.

        Raises:
            ServiceUnavailableError: the server of the connection does not answer.
        """
        from ai_patterns.clients.mlflow import Registry

        if self.tracking_uri.startswith("http"):
            self._ask_for_health()
        return Registry(self.tracking_uri, system)

    @cached_property
    def tracking_uri(self) -> str:
        """What MLflow calls the tracking URI."""
        embedded = Home.from_environment().tracking
        connection = self.find_connection(embedded)
        return embedded if connection is None else location(connection)

    def _ask_for_health(self) -> None:
        """Ask once and fail early: the client itself would retry for minutes."""
        import httpx

        try:
            httpx.get(f"{self.tracking_uri.rstrip('/')}/health", timeout=10).raise_for_status()
        except httpx.HTTPError as error:
            problem = f"the model registry {self.tracking_uri} is away: {error}."
            raise ServiceUnavailableError(problem, conn_id=self.conn_id) from error
