"""An answer's head and body leave together: a process that is killed has sent both or neither.

uvicorn writes them one after the other, and uvloop passes each write on at once. A balancer that has read a head must
pass it on, and can then no longer ask another replica for the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose writes of one turn of the event loop are one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Write to the connection through what joins writes."""
        super().connection_made(cast("asyncio.Transport", _JoinedWrites(transport, self)))

    def send(self, transport: asyncio.Transport, pieces: Sequence[bytes]) -> None:
        """Write what one turn of the event loop has for the connection."""
        transport.writelines(pieces)


class _JoinedWrites:
    """A transport that keeps what is written until the event loop's turn ends; all else is the transport's own."""

    def __init__(self, transport: asyncio.Transport, protocol: OneWriteProtocol) -> None:
        self._transport, self._protocol = transport, protocol
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._protocol.loop.call_soon(self._flush)
        self._waiting.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._waiting:
            pieces, self._waiting = self._waiting, []
            self._protocol.send(self._transport, pieces)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
