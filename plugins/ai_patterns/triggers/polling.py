"""Waiting outside of a task slot."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from ai_patterns.errors import ServiceUnavailableError


class PollingTrigger(BaseTrigger):
    """Asks again and again until there is an answer; subclasses implement `ask`.

    A service that is away is asked again: whoever waits, waits for that too.

    Args:
        poll_interval: seconds between two questions.
    """

    def __init__(self, poll_interval: float = 10.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.poll_interval = poll_interval

    @abstractmethod
    async def ask(self) -> Any | None:
        """The answer as JSON, or None to be asked again."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event, the answer."""
        while True:
            try:
                answer = await self.ask()
            except ServiceUnavailableError as error:
                self.log.info("Still waiting: %s", error)
                answer = None
            if answer is not None:
                yield TriggerEvent(answer)  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(self.poll_interval)
