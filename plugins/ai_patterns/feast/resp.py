"""Redis' wire protocol (RESP): commands made for whole columns, and a connection that sends them as they are.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import hiredis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

Part = Any
"""Bytes that every row has, or a column (`pyarrow.Array` of type binary)."""


def bulk(part: Part) -> list[Part]:
    """An argument: `$length`, and the bytes."""
    if isinstance(part, bytes):
        return [b"$%d\r\n%s\r\n" % (len(part), part)]
    lengths = pc.binary_length(part)
    least, most = pc.min_max(lengths).values()
    if least == most:  # as numbers of a fixed width have it: one constant less to join
        return [b"$%d\r\n" % (least.as_py() or 0), part, b"\r\n"]
    return [b"$", lengths.cast(pa.string()).cast(pa.binary()), b"\r\n", part, b"\r\n"]


def commands(*arguments: Part) -> pa.Array:
    r"""One command a row; at least one argument is a column.

    >>> commands(b"GET", pa.array([b"a", b"bc"])).to_pylist()
    [b'*2\r\n$3\r\nGET\r\n$1\r\na\r\n', b'*2\r\n$3\r\nGET\r\n$2\r\nbc\r\n']
    """
    return joined_parts([b"*%d\r\n" % len(arguments), *(part for item in arguments for part in bulk(item))])


def joined_parts(parts: Sequence[Part]) -> pa.Array:
    """The parts of each row one after the other, neighbouring constants put together first."""
    merged: list[Part] = []
    for part in parts:
        if merged and isinstance(part, bytes) and isinstance(merged[-1], bytes):
            merged[-1] += part
        else:
            merged.append(part)
    scalars = [pa.scalar(part, pa.binary()) if isinstance(part, bytes) else part for part in merged]
    return pc.binary_join_element_wise(*scalars, pa.scalar(b"", pa.binary()))


def contents(column: pa.Array, start: int, end: int) -> memoryview:
    """The bytes of the rows from `start` to before `end`, without a copy."""
    first, last = np.frombuffer(column.buffers()[1], np.int32)[[column.offset + start, column.offset + end]]
    return memoryview(column.buffers()[2])[first:last]


class RespConnection:
    """A connection of a `redis.Redis`: logged in, encrypted and on its database as that client is configured."""

    _READ = 1 << 16

    def __init__(self, client: Redis) -> None:
        # A client closes its connections when nobody holds it any more: Feast makes one a thread where several begin
        # to write at the same moment, and keeps the last of them.
        self._client = client
        self._connection: Any = client.connection_pool.get_connection()
        # redis-py decodes one reply at a time in Python; hiredis alone takes a tenth of that.
        self._socket: Any = self._connection._sock
        self._reader = hiredis.Reader()

    def ask(self, requests: Iterable[bytes | memoryview], replies: int) -> list[Any]:
        """Send commands and collect their replies.

        Raises:
            redis.exceptions.ConnectionError: the connection broke; it is not usable any more.
            redis.exceptions.ResponseError: Redis refused a command.
        """
        try:
            for request in requests:
                self._socket.sendall(request)
            return self._replies(replies)
        except BaseException as error:  # replies that nobody waits for would answer the next question
            self.drop()
            if isinstance(error, OSError):
                raise RedisConnectionError(str(error)) from error
            raise

    def _replies(self, count: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < count:
            reply = self._reader.gets()
            if type(reply) is list:
                found.append(reply)
            elif reply is False:
                self._receive()
            elif isinstance(reply, hiredis.ReplyError):
                raise ResponseError(str(reply))
            elif isinstance(reply, hiredis.PushNotification):
                self._pushed(reply)
            else:
                found.append(reply)
        return found

    def _pushed(self, message: Sequence[Any]) -> None:
        """What Redis says unasked is for who wants to hear it."""

    def _receive(self) -> None:
        data = self._socket.recv(self._READ)
        if not data:
            raise OSError("Redis closed the connection")
        self._reader.feed(data)

    def drop(self) -> None:
        """Close it: what comes after an error belongs to nobody."""
        self._connection.disconnect()

    def release(self) -> None:
        """Give it back to the pool."""
        self._client.connection_pool.release(self._connection)
