"""Kubeflow Pipelines behind an Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_patterns.hooks.embedded import EmbeddedHook, location

if TYPE_CHECKING:
    from ai_patterns.clients.kubeflow import KubeflowRuns


class KubeflowHook(EmbeddedHook):
    """Leads to Kubeflow Pipelines.

    The connection is its address (`http` or `https`, host, port), with a bearer token as its password where one is
    asked for. It must be there: Kubeflow has no embedded form.
    """

    default_conn_name = "ai_patterns_kubeflow"
    conn_type = "ai_patterns_kubeflow"
    hook_name = "AI patterns: Kubeflow Pipelines"

    def look(self) -> object:
        """Ask for something small."""
        return self.runs().find("look")

    def runs(self) -> KubeflowRuns:
        """Its runs; nothing is asked yet."""
        from ai_patterns.clients.kubeflow import KubeflowRuns

        connection = self.get_connection(self.conn_id)
        return KubeflowRuns(location(connection), connection.password or None, self.conn_id)
