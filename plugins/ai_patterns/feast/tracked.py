"""A connection on which Redis says what changed of that which it replied, and the replies kept until it does.

Redis remembers the keys that a connection asked for, and pushes each that is written, deleted or expires onto the same
connection. Source: https://redis.io/docs/latest/develop/reference/client-side-caching/
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ai_patterns.feast.redis_requests import RedisRequests
from ai_patterns.feast.resp import RespConnection

_SILENCE = 1.0
"""Seconds without a word of Redis after which it is asked whether it is there: replies are never kept unknowingly."""


class TrackedConnection(RespConnection):
    """A connection that hears of changes.

    Attributes:
        changed: keys that changed since their replies; None stands for every key. Who acts on them empties it.

    Raises:
        redis.exceptions.ResponseError: this Redis does not track (it does from version 6 on), or not for this user.
    """

    def __init__(self, client: Redis) -> None:
        super().__init__(client)
        self.changed: list[bytes | None] = []
        self._heard = time.monotonic()
        self._arrivals = select.poll()
        self._arrivals.register(self._socket.fileno(), select.POLLIN)
        self.ask([b"HELLO 3\r\n", b"CLIENT TRACKING ON\r\n"], 2)

    def catch_up(self) -> None:
        """Take in what Redis said since the last question.

        Raises:
            redis.exceptions.ConnectionError: it is not there any more.
        """
        if time.monotonic() - self._heard > _SILENCE:
            self.ask([b"PING\r\n"], 1)
        try:
            while self._arrivals.poll(0):
                self._receive()  # all of a TLS record, which is shorter than what is read at once
                while (message := self._reader.gets()) is not False:
                    self._pushed(message)
        except OSError as error:
            self.drop()
            raise RedisConnectionError(str(error)) from error

    def _receive(self) -> None:
        super()._receive()
        self._heard = time.monotonic()

    def _pushed(self, message: Sequence[Any]) -> None:
        if message[0] == b"invalidate":
            self.changed += [None] if message[1] is None else message[1]


class TrackedReplies:
    """Replies about entities, asked for where none is kept.

    Args:
        client: the client of the store.
        requests: the questions.
        size: how many entities are kept of each hash; the one kept longest makes room.
    """

    def __init__(self, client: Redis, requests: RedisRequests, size: int) -> None:
        self._connection, self._requests, self._size = TrackedConnection(client), requests, size
        self._kept: list[dict[bytes, Any]] = [{} for _ in requests.hashes]

    def ask(self, entities: Sequence[Sequence[bytes]]) -> list[Any]:
        """The reply for each entity of each hash, as Redis held it at this call or, unheard yet, a moment before.

        Raises:
            redis.exceptions.ConnectionError: Redis is away.
        """
        self._connection.catch_up()
        self._forget()
        absent = [[entity for entity in asked if entity not in kept] for kept, asked in self._pairs(entities)]
        if any(absent):
            fresh = iter(self._connection.ask(*self._requests.commands(absent)))
            for kept, asked in self._pairs(absent):
                kept.update(zip(asked, fresh))  # noqa: B905  # what is left is the next hash's
        found = [kept[entity] for kept, asked in self._pairs(entities) for entity in asked]
        if any(absent):
            self._forget()  # what changed between its reply and the last one
            self._make_room()
        return found

    def _pairs(self, entities: Sequence[Sequence[bytes]]) -> Iterator[tuple[dict[bytes, Any], Sequence[bytes]]]:
        return zip(self._kept, entities, strict=True)

    def _make_room(self) -> None:
        for kept in self._kept:
            for entity in list(islice(kept, max(0, len(kept) - self._size))):
                del kept[entity]

    def _forget(self) -> None:
        changed = self._connection.changed
        if None in changed:
            for kept in self._kept:
                kept.clear()
        for key in filter(None, changed):
            for item, kept in zip(self._requests.hashes, self._kept, strict=True):
                kept.pop(self._requests.entity_of(item, key), None)
        changed.clear()
