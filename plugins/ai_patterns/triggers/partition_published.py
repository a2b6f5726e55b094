"""Fires when days of a table are in the lake."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ai_patterns.core.days import Days
from ai_patterns.triggers.polling import PollingTrigger


class PartitionPublishedTrigger(PollingTrigger):
    """Waits until every day of `days` has a partition in `table`; the answer is the key.

    Args:
        uri: the lake.
        system: the system's name.
        table: a dated table such as `events/arrived`.
        days: a partition key.
        options: storage options of the lake.
        poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        *,
        uri: str,
        system: str,
        table: str,
        days: str,
        options: Mapping[str, str] | None = None,
        poll_interval: float = 10.0,
    ) -> None:
        super().__init__(poll_interval)
        self.uri, self.system, self.table, self.days = uri, system, table, days
        self.options = dict(options or {})

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("uri", "system", "table", "days", "options", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def ask(self) -> str | None:
        """The key, once no day is missing."""
        return await asyncio.to_thread(self.look)

    def look(self) -> str | None:
        """The same, in the calling thread."""
        from ai_patterns.clients.lake import Lake
        from ai_patterns.jobs.availability import missing_days

        missing = missing_days(Lake(self.uri, self.system, self.options), self.table, Days.parse(self.days))
        return None if missing else self.days
