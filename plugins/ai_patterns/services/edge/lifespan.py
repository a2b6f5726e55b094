"""An ASGI application's life, by hand: what starts before the first request, and what stops after the last one.

Protocol: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Send

Work = Callable[[], Awaitable[None]]


async def live(receive: Receive, send: Send, start: Work, stop: Work) -> None:
    """Answer the server's one `lifespan` scope.

    Args:
        receive: gives the server's messages.
        send: takes ours.
        start: what must be done before requests come.
        stop: what must be done after the last one.

    Raises:
        Exception: what `start` or `stop` raised; the server is told before.
    """
    for phase, work in (("startup", start), ("shutdown", stop)):
        await receive()
        try:
            await work()
        except Exception:
            await send({"type": f"lifespan.{phase}.failed", "message": traceback.format_exc()})
            raise
        await send({"type": f"lifespan.{phase}.complete"})
