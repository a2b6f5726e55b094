"""A Redis that is reached over one line, opened when it is needed and again once it broke."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import hiredis

from ai_patterns.services.features.redis_line import Arrived, Changed, RedisLine, command

CONNECT_SECONDS = ANSWER_SECONDS = 2.0

SILENCE_SECONDS = 1.0
"""Time without a word of Redis after which it is asked whether it is there, before anything kept is answered."""


@dataclass(frozen=True)
class RedisPlace:
    """Where a Redis is, and how to log in."""

    host: str
    port: int
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ssl: bool = False


class RedisLink:
    """A line that is opened when it is needed, and again once it broke.

    Args:
        place: where the Redis is.
        tracking: whether to ask it to tell what changes.

    Attributes:
        changed: told which keys changed since they were asked for; on a new line, all.
        tracks: whether this Redis tells it, as it does where it is asked to, from version 6 on, if the user may.
    """

    def __init__(self, place: RedisPlace, *, tracking: bool = True) -> None:
        self.changed: Changed = lambda _: None
        self.tracks = False
        self._place, self._tracking = place, tracking
        self._line: RedisLine | None = None
        self._opening = asyncio.Lock()

    async def catch_up(self) -> None:
        """See that the line is open and not silent, so that all that changed by now was told.

        Raises:
            OSError: Redis is away or does not answer in time.
        """
        line = self._line
        if line is None or not line.is_open:
            await self._open()
        elif asyncio.get_running_loop().time() - line.heard > SILENCE_SECONDS:
            await self.ask(command([b"PING"]), 1)

    async def ask(self, commands: bytes, replies: int, arrived: Arrived | None = None) -> list[Any]:
        """Send commands and await their replies; none of them is an error of Redis.

        Raises:
            OSError: Redis is away, does not answer in time, or refuses a command.
        """
        line = self._line if self._line is not None and self._line.is_open else await self._open()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await line.ask(commands, replies, arrived)
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
            make = partial(RedisLine, self.changed)
            _, line = await loop.create_connection(make, place.host, place.port, ssl=place.ssl or None)
            for arguments in _greetings(place):
                (reply,) = await line.ask(command(arguments), 1)
                if isinstance(reply, hiredis.ReplyError):
                    line.close()
                    raise ConnectionError(str(reply))
            if self._tracking:
                replies = await line.ask(command([b"HELLO", b"3"]) + command([b"CLIENT", b"TRACKING", b"ON"]), 2)
                self.tracks = not any(isinstance(reply, hiredis.ReplyError) for reply in replies)
        self.changed(None)
        return line


def _greetings(place: RedisPlace) -> list[list[bytes]]:
    login = [item.encode() for item in (place.username, place.password) if item is not None]
    return [
        *([[b"AUTH", *login]] if place.password is not None else []),
        *([[b"SELECT", b"%d" % place.db]] if place.db else []),
    ]
