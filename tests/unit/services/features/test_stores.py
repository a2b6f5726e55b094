"""Feast's stores are read by one request at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from ai_patterns.services.features.stores import FeastReader


class Watched(FeastReader):
    """Tells how many reads were under way at the same time."""

    def __init__(self) -> None:
        super().__init__(store=None)  # type: ignore[arg-type]  no read gets that far
        self.now, self.most, self._count = 0, 0, threading.Lock()

    def _view(self, ask: Any) -> list[Any]:  # noqa: ARG002  the signature of what it stands for
        with self._count:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self._count:
            self.now -= 1
        return []


def test_no_two_reads_use_the_store_at_once() -> None:
    reader = Watched()

    async def ask_at_once() -> None:
        await asyncio.gather(*(reader.read([None]) for _ in range(8)))  # type: ignore[list-item]

    asyncio.run(ask_at_once())
    assert reader.most == 1
