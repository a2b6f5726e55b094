"""The parts behind the protocols."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ai_patterns.services.features.answers import Answer
from ai_patterns.services.features.catalog import Catalog
from ai_patterns.services.features.metrics import Metrics
from ai_patterns.services.features.named_sets import NamedSets
from ai_patterns.services.features.settings import Settings
from ai_patterns.services.features.shapes import Shape, shape_of_service, shape_of_set
from ai_patterns.services.features.writing import Writer

RETRY_AFTER = 1
"""Seconds after which a client may ask again while the store is away."""

log = logging.getLogger(__name__)


class Service:
    """One repository, and the system that it was written from where there is one."""

    def __init__(self, catalog: Catalog, sets: NamedSets | None, writer: Writer, settings: Settings) -> None:
        self.catalog, self.sets, self.writer, self.settings = catalog, sets, writer, settings
        self.metrics = Metrics(catalog, writer, settings.repo)
        self._following: asyncio.Task[None] | None = None

    async def answer(
        self, features: str | Sequence[str], entities: Mapping[str, list[Any]], full_names: bool = False
    ) -> Answer:
        """Features of entities: of a named set, a feature service of the registry, or by reference."""
        if self.sets is not None and isinstance(features, str):
            chosen = self.sets.find(features)
            if chosen is not None:
                return await self.sets.answer(chosen, entities)
        return await self.catalog.answer(features, entities, full_names)

    def shape(self, name: str) -> Shape:
        """What a named set, or a feature service of the registry, takes and gives.

        Raises:
            FeastError: there is none of this name.
        """
        chosen = self.sets.find(name) if self.sets is not None else None
        return shape_of_service(self.catalog, name) if chosen is None else shape_of_set(chosen)

    async def start(self) -> None:
        """Begin to follow the registry."""
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Finish what is being written, and let go of the store."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        await asyncio.to_thread(self.writer.threads.shutdown)
        await self.catalog.reader.close()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self.settings.registry_ttl_seconds)
            try:
                await asyncio.to_thread(self.catalog.refresh)
            except Exception as error:  # whatever it was: what is known of the registry still answers
                log.warning("the registry cannot be read again: %s", error)
