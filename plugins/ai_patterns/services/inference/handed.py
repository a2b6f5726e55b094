"""The worker's side of its connections: they come from the supervisor, which is told how far each one is.

`connections` tells why, and how both talk.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import uvicorn

from ai_patterns.services.edge.one_write import OneWriteProtocol
from ai_patterns.services.inference.connections import ANSWERING, CLOSED, LEAVING, MARKS, OPEN, PLACES, READY

_AT_ONCE = 16_384
"""Bytes that an empty socket takes whole: a process that is killed has written them all or none."""


class HandedProtocol(OneWriteProtocol):
    """One connection: marked while a part of an answer has left and the rest has not, and when it is closed.

    Args:
        marks: what the supervisor reads.
        place: this connection's.
        connection: itself.
        config: uvicorn's.
    """

    def __init__(self, marks: mmap.mmap, place: slice, connection: socket.socket, **config: Any) -> None:
        super().__init__(**config)
        self._marks, self._place, self._connection = marks, place, connection
        self._open = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Hear of it whenever all that was written has left."""
        transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def send(self, transport: asyncio.Transport, pieces: Sequence[bytes]) -> None:
        """Write, and mark an answer that may leave in parts for as long as it does."""
        parts = not self._is_whole() or self._waits() or sum(map(len, pieces)) > _AT_ONCE
        if parts:
            self._mark(ANSWERING)
        super().send(transport, pieces)
        if parts:
            self._settle()

    def resume_writing(self) -> None:
        """Nothing waits any more."""
        super().resume_writing()
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection for the client too, which the supervisor's copy would keep open."""
        super().connection_lost(exc)
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._mark(CLOSED)
        self._open = False  # from now on the place may be another's

    def _is_whole(self) -> bool:
        """Whether no answer has begun that has not ended; of requests that came at once nobody knows."""
        cycle = self.cycle
        return not self.pipeline and (cycle is None or cycle.response_complete or not cycle.response_started)

    def _waits(self) -> bool:
        return self.transport.get_write_buffer_size() > 0

    def _settle(self) -> None:
        if self._is_whole() and not self._waits():
            self._mark(OPEN)

    def _mark(self, mark: bytes) -> None:
        if self._open:
            self._marks[self._place] = mark


class HandedServer(uvicorn.Server):
    """uvicorn's server without a socket of its own; it ends when its supervisor does.

    Args:
        config: uvicorn's.
        channel: the descriptor that was inherited.
    """

    def __init__(self, config: uvicorn.Config, channel: int) -> None:
        super().__init__(config)
        self._channel = socket.socket(fileno=channel)
        self._channel.set_inheritable(False)
        _, descriptors, _, _ = socket.recv_fds(self._channel, len(MARKS), 1)
        self._marks = mmap.mmap(descriptors[0], PLACES)
        os.close(descriptors[0])
        self._channel.setblocking(False)
        self._adopting: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then ask for connections."""
        await super().startup(sockets or [])
        asyncio.get_running_loop().add_reader(self._channel, self._take)
        self._channel.send(READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was handed over until now."""
        asyncio.get_running_loop().remove_reader(self._channel)
        with suppress(OSError):  # the supervisor is gone
            self._channel.send(LEAVING)
        self._take()
        await asyncio.gather(*self._adopting)
        await super().shutdown(sockets)

    def _take(self) -> None:
        with suppress(BlockingIOError):
            while True:
                place, descriptors, _, _ = socket.recv_fds(self._channel, 4, 1)
                if not place:
                    self.should_exit = True
                    asyncio.get_running_loop().remove_reader(self._channel)
                    return
                mark = slice(int.from_bytes(place), int.from_bytes(place) + 1)
                self._marks[mark] = OPEN  # before a byte is read
                task = asyncio.ensure_future(self._adopt(mark, socket.socket(fileno=descriptors[0])))
                self._adopting.add(task)
                task.add_done_callback(self._adopting.discard)

    async def _adopt(self, place: slice, connection: socket.socket) -> None:
        def protocol() -> HandedProtocol:
            state = {"server_state": self.server_state, "app_state": self.lifespan.state}
            return HandedProtocol(self._marks, place, connection, config=self.config, **state)

        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)
        except OSError:  # the client is gone
            connection.close()
            self._marks[place] = CLOSED
