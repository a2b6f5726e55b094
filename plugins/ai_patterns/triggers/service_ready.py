"""Fires when a service says that it is ready."""

from __future__ import annotations

from typing import Any

from ai_patterns.triggers.polling import PollingTrigger


class ServiceReadyTrigger(PollingTrigger):
    """Waits until `url` answers with 200; the answer is the URL.

    Args:
        url: the readiness endpoint.
        poll_interval: seconds between two requests.
    """

    def __init__(self, *, url: str, poll_interval: float = 5.0) -> None:
        super().__init__(poll_interval)
        self.url = url

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        arguments = {"url": self.url, "poll_interval": self.poll_interval}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def ask(self) -> str | None:
        """The URL, once it answers with 200."""
        import httpx

        try:
            async with httpx.AsyncClient(timeout=self.poll_interval) as client:
                response = await client.get(self.url)
        except httpx.HTTPError as error:
            self.log.info("Still waiting for %s: %s", self.url, error)
            return None
        return self.url if response.status_code == 200 else None
