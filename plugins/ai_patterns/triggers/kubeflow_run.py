"""Fires when a run of Kubeflow Pipelines has ended."""

from __future__ import annotations

import asyncio
from typing import Any

from ai_patterns.triggers.polling import PollingTrigger


class KubeflowRunTrigger(PollingTrigger):
    """Waits for a run; the answer tells its `run_id` and `state`, and the `problem` of one that failed.

    The connection is looked up where the trigger runs, so its token is in no database.

    Args:
        conn_id: connection of Kubeflow Pipelines.
        run_id: the run.
        poll_interval: seconds between two looks.
    """

    def __init__(self, *, conn_id: str, run_id: str, poll_interval: float = 15.0) -> None:
        super().__init__(poll_interval)
        self.conn_id, self.run_id = conn_id, run_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("conn_id", "run_id", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def ask(self) -> dict[str, str] | None:
        """The answer, once there is one."""
        return await asyncio.to_thread(self.look)

    def look(self) -> dict[str, str] | None:
        """The same, in the calling thread."""
        from ai_patterns.clients.kubeflow import FAILED, SUCCEEDED
        from ai_patterns.errors import ServiceRejectedError
        from ai_patterns.hooks.kubeflow import KubeflowHook

        try:
            run = KubeflowHook(self.conn_id).runs().get(self.run_id)
        except ServiceRejectedError as error:
            return {"run_id": self.run_id, "state": "UNKNOWN", "problem": str(error)}
        if run.state == SUCCEEDED:
            return {"run_id": run.run_id, "state": run.state}
        if run.state not in FAILED or run.state == "CANCELING":
            return None
        return {"run_id": run.run_id, "state": run.state, "problem": run.problem or "its steps' logs tell why"}
