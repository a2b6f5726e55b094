"""One connection to Redis for all requests at a time: each sends its commands at once, replies come in order.

Redis pushes onto it which of the keys changed that were asked for (client-side caching,
https://redis.io/docs/latest/develop/reference/client-side-caching/), in the order in which it replied and changed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import hiredis

Arrived = Callable[[int, Any], None]
"""Called with a reply's number as soon as it is read, before anything that Redis said after it."""

Changed = Callable[[Sequence[bytes] | None], None]
"""Called with keys that changed; None stands for all of them."""


@dataclass
class _Waiting:
    wanted: int
    answer: asyncio.Future[list[Any]]
    arrived: Arrived | None
    replies: list[Any] = field(default_factory=list)


class RedisLine(asyncio.Protocol):
    """A connection; of no use any more once `is_open` is false.

    Attributes:
        heard: when Redis said something last, in the event loop's time.
    """

    def __init__(self, changed: Changed) -> None:
        self._changed, self.heard = changed, 0.0
        self._reader = hiredis.Reader()
        self._waiting: deque[_Waiting] = deque()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, commands: bytes, replies: int, arrived: Arrived | None = None) -> asyncio.Future[list[Any]]:
        """Send commands.

        Returns:
            Their replies, an error of Redis among them as a `hiredis.ReplyError`; `ConnectionError` once it broke.
        """
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            answer.set_exception(ConnectionError("Redis closed the connection"))
            return answer
        self._waiting.append(_Waiting(replies, answer, arrived))
        self._transport.write(commands)
        return answer

    def close(self) -> None:
        """End it; who waits is told."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport can be written to

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self.heard = asyncio.get_running_loop().time()
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, hiredis.PushNotification):
                if reply[0] == b"invalidate":
                    self._changed(reply[1])
            elif self._waiting:
                self._take(self._waiting[0], reply)

    def _take(self, first: _Waiting, reply: Any) -> None:
        if first.arrived is not None and not isinstance(reply, hiredis.ReplyError):
            try:
                first.arrived(len(first.replies), reply)
            except Exception as error:  # whoever asked is told; the line goes on
                if not first.answer.done():
                    first.answer.set_exception(error)
        first.replies.append(reply)
        if len(first.replies) == first.wanted:
            self._waiting.popleft()
            if not first.answer.done():
                first.answer.set_result(first.replies)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        while self._waiting:
            answer = self._waiting.popleft().answer
            if not answer.done():
                answer.set_exception(ConnectionError(str(exc) if exc else "Redis closed the connection"))


def command(arguments: Sequence[bytes]) -> bytes:
    r"""A command in Redis' wire protocol.

    >>> command([b"GET", b"a"])
    b'*2\r\n$3\r\nGET\r\n$1\r\na\r\n'
    """
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in arguments)
