"""What stands before every answer: the caller's key, its rate, the size of the body and the time it takes to come."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from starlette.types import Message, Receive

from ai_patterns.services.inference.requests import RequestError

Headers = Mapping[bytes, bytes]


class Caller(msgspec.Struct, forbid_unknown_fields=True):
    """One caller's key and rate, as `AI_PATTERNS_API_KEYS` has it.

    Attributes:
        requests_per_second: of this process; None: unlimited. A second's worth may come at once.
    """

    key: str
    requests_per_second: float | None = None


@dataclass
class Guard:
    """Knows the callers.

    Args:
        admin_key: allows everything; None: nobody may change anything.
        callers: by name; each may ask for predictions.
        open_predictions: whether predictions need no key.
    """

    admin_key: str | None
    callers: Mapping[str, Caller] = field(default_factory=dict)
    open_predictions: bool = False

    def __post_init__(self) -> None:
        self._buckets = {name: _Bucket(caller.requests_per_second) for name, caller in self.callers.items()}

    def admit_prediction(self, headers: Headers) -> None:
        """Let a prediction pass.

        Raises:
            RequestError: 401 without a key that is known, 429 beyond its rate.
        """
        if self.open_predictions or (self.admin_key is None and not self.callers):
            return
        sent = _sent_key(headers)
        for name, caller in self.callers.items():
            if hmac.compare_digest(sent, caller.key.encode()):
                if not self._buckets[name].take():
                    raise RequestError(
                        f"{name!r} asks more than {caller.requests_per_second:g} times a second", status=429
                    )
                return
        if self.admin_key is None or not hmac.compare_digest(sent, self.admin_key.encode()):
            raise RequestError("the key is missing or wrong", status=401)

    def admit_change(self, headers: Headers) -> None:
        """Let a change of the service pass.

        Raises:
            RequestError: 401 without the right key; 403 where the service has none to compare with.
        """
        if self.admin_key is None:
            raise RequestError(
                "this needs a key, and the service runs without one: set AI_PATTERNS_API_KEY", status=403
            )
        if not hmac.compare_digest(_sent_key(headers), self.admin_key.encode()):
            raise RequestError("the key is missing or wrong", status=401)


async def read_body(receive: Receive, headers: Headers, *, max_bytes: int, seconds: float) -> bytes:
    """The whole body.

    Raises:
        RequestError: 413 beyond `max_bytes`, whether or not its length was announced; 408 where it takes too long to
            come, 400 where the caller went away.
    """
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > max_bytes:
        raise RequestError(f"the body is larger than {max_bytes} bytes", status=413)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return _limited(message.get("body", b""), max_bytes)
    try:
        async with asyncio.timeout(seconds):
            return await _collect(receive, message, max_bytes)
    except TimeoutError:
        raise RequestError(f"the body did not come within {seconds:g} s", status=408) from None


async def _collect(receive: Receive, message: Message, max_bytes: int) -> bytes:
    body = bytearray()
    while message["type"] == "http.request":
        body += _limited(message.get("body", b""), max_bytes - len(body))
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
    raise RequestError("the caller went away before the body's end", status=400)


def _limited(part: bytes, left: int) -> bytes:
    if len(part) > left:
        raise RequestError("the body is larger than allowed", status=413)
    return part


def _sent_key(headers: Headers) -> bytes:
    bearer = headers.get(b"authorization", b"")
    return headers.get(b"x-api-key") or (bearer[7:] if bearer[:7].lower() == b"bearer " else b"")


class _Bucket:
    """Tokens that come back at a rate; a second's worth may be saved, one at least."""

    def __init__(self, rate: float | None) -> None:
        self._rate, self._at = rate, time.monotonic()
        self._tokens = self._most = max(rate or 0, 1)

    def take(self) -> bool:
        if self._rate is None:
            return True
        now = time.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
