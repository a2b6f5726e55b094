"""Fires when the lake has caught up with topics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ai_patterns.triggers.polling import PollingTrigger


class ConsumerLagTrigger(PollingTrigger):
    """Waits until at most `max_lag` records of each topic are not in the lake; the answer is the lag by stream.

    Args:
        kafka: `servers`, and `options` of the client library.
        lake: `uri`, `system`, and storage `options`.
        topics: stream -> its topic.
        max_lag: records of each topic that may wait.
        poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        *,
        kafka: Mapping[str, Any],
        lake: Mapping[str, Any],
        topics: Mapping[str, str],
        max_lag: int = 0,
        poll_interval: float = 10.0,
    ) -> None:
        super().__init__(poll_interval)
        self.kafka, self.lake, self.topics, self.max_lag = dict(kafka), dict(lake), dict(topics), max_lag

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("kafka", "lake", "topics", "max_lag", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def ask(self) -> dict[str, int] | None:
        """The lag by stream, once it is small enough."""
        return await asyncio.to_thread(self.look)

    def look(self) -> dict[str, int] | None:
        """The same, in the calling thread."""
        from ai_patterns.clients.kafka import Broker
        from ai_patterns.clients.lake import Lake
        from ai_patterns.jobs.landed import lag

        found = lag(Lake(**self.lake), Broker(**self.kafka), self.topics)
        return found if max(found.values(), default=0) <= self.max_lag else None
