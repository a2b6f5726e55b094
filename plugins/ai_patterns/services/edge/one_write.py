"""An answer's head and body leave together: a process that is killed has sent both or neither.

uvicorn writes them one after the other, and uvloop passes each write on at once. A balancer that has read a head must
pass it on, and can then no longer ask another replica for the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

WHOLE = "ai_patterns.whole"

Pairs = Sequence[tuple[bytes, bytes]]
Whole = Callable[[int, Pairs, bytes], bool]


def whole_of(scope: Scope) -> Whole | None:
    """What takes a whole answer at once, where the server offers it (an ASGI extension).

    It takes a status, headers other than `connection` and `content-length`, and a body, and tells whether it did: an
    application that is told False sends its messages.
    """
    # Taken out, as it leads back to the scope: what holds itself waits for Python's collector.
    found: Whole | None = scope.get("extensions", {}).pop(WHOLE, {}).get("answer")
    return found


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose writes of one turn of the event loop are one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Write to the connection through what joins writes."""
        super().connection_made(cast("asyncio.Transport", _JoinedWrites(transport, self)))

    def on_headers_complete(self) -> None:
        """Offer to take the answer at once."""
        super().on_headers_complete()
        self.scope["extensions"] = {WHOLE: {"answer": partial(self._answer, self.cycle)}}

    def send(self, transport: asyncio.Transport, pieces: Sequence[bytes]) -> None:
        """Write what one turn of the event loop has for the connection."""
        transport.writelines(pieces)

    def _answer(self, cycle: RequestResponseCycle, status: int, headers: Pairs, body: bytes) -> bool:
        if not cycle.keep_alive or cycle.response_started or cycle.disconnected or self.flow.write_paused:
            return False
        if cycle.scope["method"] == "HEAD":
            return False
        lines = [b"%b: %b\r\n" % pair for pair in (*cycle.default_headers, *headers)]
        lines.append(b"content-length: %d\r\n\r\n" % len(body))
        self.transport.write(b"".join((STATUS_LINE[status], *lines, body)))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True


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
