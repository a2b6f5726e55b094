"""What a server sees of an application's life."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from ai_patterns.services.edge.lifespan import live


class Server:
    """Asks for a start, then for a stop, and keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def receive(self) -> Message:
        return {"type": "lifespan.asked"}

    async def send(self, message: Message) -> None:
        self.events.append(str(message["type"]) + message.get("message", "")[-7:].strip())

    async def work(self, name: str) -> None:
        self.events.append(name)

    async def fail(self) -> None:
        raise ValueError("lost")


def test_each_phase_is_told_when_its_work_is_done() -> None:
    server = Server()
    asyncio.run(live(server.receive, server.send, lambda: server.work("start"), lambda: server.work("stop")))
    assert server.events == ["start", "lifespan.startup.complete", "stop", "lifespan.shutdown.complete"]


def test_a_start_that_fails_is_told_and_nothing_is_stopped() -> None:
    server = Server()
    with pytest.raises(ValueError, match="lost"):
        asyncio.run(live(server.receive, server.send, server.fail, lambda: server.work("stop")))
    assert server.events == ["lifespan.startup.failed: lost"]
