"""Kubeflow Pipelines behind an Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from ai_patterns.hooks.embedded import location

if TYPE_CHECKING:
    from ai_patterns.clients.kubeflow import KubeflowRuns


class KubeflowHook(BaseHook):
    """Leads to Kubeflow Pipelines.

    The connection is its address (`http` or `https`, host, port), with a bearer token as its password where one is
    asked for.

    Args:
        conn_id: the Airflow connection.
    """

    default_conn_name = "ai_patterns_kubeflow"

    def __init__(self, conn_id: str | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id or self.default_conn_name

    def runs(self) -> KubeflowRuns:
        """Its runs; nothing is asked yet."""
        from ai_patterns.clients.kubeflow import KubeflowRuns

        connection = self.get_connection(self.conn_id)
        return KubeflowRuns(location(connection), connection.password or None, self.conn_id)
