"""An ASGI application in two: the paths that must be quick by a dictionary, all others by FastAPI."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ai_patterns.services.edge.callers import Callers
from ai_patterns.services.edge.errors import RequestError

log = logging.getLogger(__name__)

METHOD_NOT_ALLOWED = 405

Count = Callable[[str, int, float], None]
"""Takes a protocol's name, a status and seconds."""


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        body: JSON.
        retry_after: seconds, where the same request may pass later.
    """

    body: bytes
    status: int = 200
    retry_after: int | None = None


@dataclass(frozen=True)
class QuickPath:
    """What answers POST at one path.

    Attributes:
        protocol: its name in the metrics.
        answer: from the body to the reply.
        refuse: from an error to the reply, in the protocol's form.
        write: whether it changes something.
    """

    protocol: str
    answer: Callable[[bytes], Awaitable[Reply]]
    refuse: Callable[[Exception], Reply]
    write: bool = False


class QuickPaths:
    """The ASGI application.

    Args:
        paths: path -> what answers it.
        rest: answers all else; what it answers is not limited here.
        callers: who may call.
        max_bytes: largest body.
        count: is told of every answer.
    """

    def __init__(
        self, paths: Mapping[str, QuickPath], rest: ASGIApp, callers: Callers, max_bytes: int, count: Count
    ) -> None:
        self._paths, self._rest, self._callers = paths, rest, callers
        self._max_bytes, self._count = max_bytes, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the application's life."""
        path = self._paths.get(scope["path"]) if scope["type"] == "http" else None
        if path is None:
            await self._rest(scope, receive, send)
            return
        started = time.perf_counter()
        reply = await self._reply(path, scope, receive)
        await _send(reply, send)
        self._count(path.protocol, reply.status, time.perf_counter() - started)

    async def _reply(self, path: QuickPath, scope: Scope, receive: Receive) -> Reply:
        try:
            if scope["method"] != "POST":
                raise RequestError(f"{scope['path']} takes POST", status=METHOD_NOT_ALLOWED)
            self._callers.admit(scope["headers"], (scope["client"] or ("",))[0], write=path.write)
            return await path.answer(await _body(receive, self._max_bytes))
        except Exception as error:
            reply = path.refuse(error)
            if reply.status >= 500 and reply.retry_after is None:
                log.exception("%s failed", scope["path"])
            return reply


async def _body(receive: Receive, most: int) -> bytes:
    message: Any = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= most:
        message = await receive()
        body += message.get("body", b"")
    if len(body) > most:
        raise RequestError(f"the body is larger than {most} bytes", status=413)
    return body


async def _send(reply: Reply, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(reply.body))]
    if reply.status == METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    if reply.retry_after is not None:
        headers.append((b"retry-after", b"%d" % reply.retry_after))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
