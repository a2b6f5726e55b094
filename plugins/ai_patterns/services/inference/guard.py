"""What stands before every route: the size of a body and the caller's key."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_patterns.services.inference.requests import RequestError


class BodyLimit:
    """ASGI middleware that refuses bodies beyond a size with 413, also where no length was announced."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what arrives."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise RequestError(f"the body is larger than {self._max_bytes} bytes", status=413)
            return message

        await self._app(scope, counted, send)


def require_key(request: Request, key: str | None) -> None:
    """Check the caller's key, sent as `Authorization: Bearer` or `X-API-Key`.

    Raises:
        RequestError: 401 without the right key; 403 where the service has none to compare with.
    """
    if key is None:
        raise RequestError("this needs a key, and the service runs without one: set AI_PATTERNS_API_KEY", status=403)
    bearer = request.headers.get("authorization", "")
    sent = request.headers.get("x-api-key") or (bearer[7:] if bearer.lower().startswith("bearer ") else "")
    if not hmac.compare_digest(sent.encode(), key.encode()):
        raise RequestError("the key is missing or wrong", status=401)
