"""One connection to Redis for all requests at a time: each sends its commands at once, replies come in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import hiredis

CONNECT_SECONDS = ANSWER_SECONDS = 2.0


@dataclass(frozen=True)
class RedisPlace:
    """Where a Redis is, and how to log in."""

    host: str
    port: int
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ssl: bool = False


@dataclass
class _Waiting:
    wanted: int
    answer: asyncio.Future[list[Any]]
    replies: list[Any] = field(default_factory=list)


class RedisLine(asyncio.Protocol):
    """A connection; of no use any more once `is_open` is false."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[_Waiting] = deque()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, commands: bytes, replies: int) -> asyncio.Future[list[Any]]:
        """Send commands.

        Returns:
            Their replies, an error of Redis among them as a `hiredis.ReplyError`; `ConnectionError` once it broke.
        """
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            answer.set_exception(ConnectionError("Redis closed the connection"))
            return answer
        self._waiting.append(_Waiting(replies, answer))
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
        self._reader.feed(data)
        while self._waiting and (reply := self._reader.gets()) is not False:
            first = self._waiting[0]
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


class RedisLink:
    """A line that is opened when it is needed, and again once it broke.

    Args:
        place: where the Redis is.
    """

    def __init__(self, place: RedisPlace) -> None:
        self._place = place
        self._line: RedisLine | None = None
        self._opening = asyncio.Lock()

    async def ask(self, commands: bytes, replies: int) -> list[Any]:
        """Send commands and await their replies; none of them is an error of Redis.

        Raises:
            OSError: Redis is away, does not answer in time, or refuses a command.
        """
        line = self._line if self._line is not None and self._line.is_open else await self._open()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await line.ask(commands, replies)
        except TimeoutError:
            line.close()  # its replies would come out of step
            raise TimeoutError(f"Redis does not answer within {ANSWER_SECONDS:g} s") from None
        for reply in found:
            if isinstance(reply, hiredis.ReplyError):
                raise ConnectionError(f"Redis refuses: {reply}")
        return found

    def close(self) -> None:
        """Close the line."""
        if self._line is not None:
            self._line.close()

    async def _open(self) -> RedisLine:
        async with self._opening:
            if self._line is None or not self._line.is_open:
                self._line = await self._connect()
            return self._line

    async def _connect(self) -> RedisLine:
        """Log in and choose the database."""
        place, loop = self._place, asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            _, line = await loop.create_connection(RedisLine, place.host, place.port, ssl=place.ssl or None)
            for arguments in _greetings(place):
                (reply,) = await line.ask(command(arguments), 1)
                if isinstance(reply, hiredis.ReplyError):
                    line.close()
                    raise ConnectionError(str(reply))
        return line


def command(arguments: Sequence[bytes]) -> bytes:
    r"""A command in Redis' wire protocol.

    >>> command([b"GET", b"a"])
    b'*2\r\n$3\r\nGET\r\n$1\r\na\r\n'
    """
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in arguments)


def _greetings(place: RedisPlace) -> list[list[bytes]]:
    login = [item.encode() for item in (place.username, place.password) if item is not None]
    return [
        *([[b"AUTH", *login]] if place.password is not None else []),
        *([[b"SELECT", b"%d" % place.db]] if place.db else []),
    ]
