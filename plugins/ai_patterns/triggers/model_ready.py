"""Fires when an alias points to a version."""

from __future__ import annotations

import asyncio
from typing import Any

from ai_patterns.triggers.polling import PollingTrigger


class ModelReadyTrigger(PollingTrigger):
    """Waits until an alias of a model exists and is newer than a version; the answer is the version.

    Args:
        tracking_uri: the MLflow registry.
        model: the registered model, which of a system has the system's name.
        alias: `champion` or `challenger`.
        newer_than: the version must be greater than this.
        poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        *,
        tracking_uri: str,
        model: str,
        alias: str = "champion",
        newer_than: int = 0,
        poll_interval: float = 10.0,
    ) -> None:
        super().__init__(poll_interval)
        self.tracking_uri, self.model = tracking_uri, model
        self.alias, self.newer_than = alias, newer_than

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("tracking_uri", "model", "alias", "newer_than", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def ask(self) -> int | None:
        """The version, once it is new enough."""
        return await asyncio.to_thread(self.look)

    def look(self) -> int | None:
        """The same, in the calling thread."""
        from ai_patterns.clients.mlflow import Registry

        version = Registry(self.tracking_uri, self.model).alias(self.alias)
        return version if version is not None and version > self.newer_than else None
