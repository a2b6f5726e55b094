"""Fires when a step of a rollout may go on, or must be rolled back."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any

from ai_patterns.hooks.serving import ServingHook
from ai_patterns.triggers.polling import PollingTrigger


class RolloutDueTrigger(PollingTrigger):
    """Waits until something is to be done about a system's rollout; the answer is what, such as `go_on`.

    Args:
        system: folder of the system.
        lake: `uri`, `system`, and storage `options`.
        serving_conn_id: connection of the service that counts.
        poll_interval: seconds between two looks.
    """

    def __init__(
        self, *, system: str, lake: Mapping[str, Any], serving_conn_id: str, poll_interval: float = 10.0
    ) -> None:
        super().__init__(poll_interval)
        self.system, self.lake, self.serving_conn_id = system, dict(lake), serving_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("system", "lake", "serving_conn_id", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def ask(self) -> str | None:
        """What is to be done, once something is."""
        return await asyncio.to_thread(self.look)

    def look(self) -> str | None:
        """The same, in the calling thread."""
        from ai_patterns.clients.lake import Lake
        from ai_patterns.hooks.systems import find_system
        from ai_patterns.jobs.rollout_state import due

        read = ServingHook(self.serving_conn_id).rollout_counts
        return due(find_system(self.system), Lake(**self.lake), read, dt.datetime.now(dt.UTC))
