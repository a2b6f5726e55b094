"""The supervisor's side of its workers' connections: it accepts each, gives it to a worker and keeps a copy.

A worker that is killed takes only its own copy along. Through the supervisor's, whoever waits for an answer is told
with 502 to ask again, where the kernel would have reset the connection. A client that waits for none is told so too,
which costs nothing: what comes without a question is no answer to one, and ends the connection (RFC 9112, section 9.2
and RFC 9110, section 15.5.9 on 408, which servers send in the same way). So nobody needs to know what a worker had read
or said in its last microsecond. A connection of which it read nothing goes to another worker. Only an answer of which a
part has left must be left as it is, cut short.

Protocol: the first message to a worker is `MARKS` with the file of the marks, each further one a place in them
(four bytes, big-endian) with a connection (SCM_RIGHTS, unix(7)). The worker sends `READY` once it takes connections and
`LEAVING` when it takes no more. A place is `GIVEN` by the supervisor, and all that follows is the worker's to say.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import socket
import struct
import tempfile
import termios
import time
from collections import deque
from contextlib import suppress

PLACES = 4096
"""Most connections of one worker."""

_LATE_SECONDS = 0.25
"""A busy worker takes as long to take what it was given."""

MARKS, READY, LEAVING = b"mark", b"r", b"l"
FREE, GIVEN, OPEN, ANSWERING, CLOSED = (bytes([mark]) for mark in range(5))

_TOLD = "the worker that had this request ended; send it again"
_BODY = json.dumps({"error": _TOLD, "error_code": "BAD_GATEWAY", "message": _TOLD, "detail": _TOLD}).encode()
LOST = (
    b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\n%b"
) % (len(_BODY), _BODY)


class Connections:
    """The connections of one worker.

    Attributes:
        channel: where the worker is heard.
        ready: whether it takes connections.
    """

    def __init__(self) -> None:
        self.channel, self._theirs = socket.socketpair()
        self.channel.setblocking(False)
        self.ready = False
        with tempfile.TemporaryFile() as file:
            file.write(bytes(PLACES))
            file.flush()
            self._marks = mmap.mmap(file.fileno(), PLACES)
            socket.send_fds(self.channel, [MARKS], [file.fileno()])
        self._kept: dict[int, socket.socket] = {}
        self._free = list(range(PLACES))
        self._untaken: deque[tuple[float, int]] = deque()

    def load(self) -> tuple[float, int]:
        """How long the worker has left lying what it was given, as one that hangs does; how many it has."""
        while self._untaken and self._marks[self._untaken[0][1]] != GIVEN[0]:
            self._untaken.popleft()
        late = time.monotonic() - self._untaken[0][0] if self._untaken else 0.0
        return late if late > _LATE_SECONDS else 0.0, len(self._kept)

    def pass_on(self) -> int:
        """The descriptor of the worker's end, for its process to inherit."""
        return self._theirs.fileno()

    def started(self) -> None:
        """Only the worker holds its end now: when that closes, it is gone."""
        self._theirs.close()

    def hear(self) -> bool:
        """Read what the worker says; whether it still lives."""
        try:
            told = self.channel.recv(1)
        except ConnectionResetError:  # it never read what was sent last
            told = b""
        self.ready = told == READY
        return bool(told)

    def give(self, connection: socket.socket) -> bool:
        """Hand a connection over; whether the worker took it."""
        if not self._free:
            return False
        place = self._free.pop()
        self._marks[place : place + 1] = GIVEN
        try:
            socket.send_fds(self.channel, [place.to_bytes(4)], [connection.fileno()])
        except OSError:  # it is gone, or hangs and has not taken those before
            self._marks[place : place + 1] = FREE
            self._free.append(place)
            return False
        self._kept[place] = connection
        self._untaken.append((time.monotonic(), place))
        return True

    def sweep(self) -> None:
        """Let go of what the worker has closed."""
        while (place := self._marks.find(CLOSED)) >= 0:
            self._marks[place : place + 1] = FREE
            self._kept.pop(place).close()
            self._free.append(place)

    def lose(self) -> tuple[list[socket.socket], list[socket.socket]]:
        """The worker is gone: refuse what it owes.

        Returns:
            The connections of which it read nothing, and those whose client has yet to see the refusal.
        """
        self.sweep()
        self.channel.close()
        untaken, refused = list[socket.socket](), list[socket.socket]()
        for place, connection in self._kept.items():
            mark = self._marks[place : place + 1]
            if mark == GIVEN or (mark == OPEN and _is_unread(connection)):
                untaken.append(connection)
            elif mark == OPEN and refuse(connection):
                refused.append(connection)
            else:
                connection.close()
        self._marks.close()
        return untaken, refused


def _is_unread(connection: socket.socket) -> bool:
    """Whether all bytes that ever came still wait (`tcpi_bytes_received`, include/uapi/linux/tcp.h); else unknown.

    A balancer that is refused before it has sent its request does not send it elsewhere.
    """
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
        waiting = fcntl.ioctl(connection, termios.FIONREAD, bytes(4))
        return bool(struct.unpack_from("Q", told, 128) == struct.unpack("I", waiting))
    except (AttributeError, OSError, struct.error):  # no Linux, or no TCP
        return False


def refuse(connection: socket.socket) -> bool:
    """Tell a client to ask again; whether it could be told.

    The connection must then be read to its end: to close one in which bytes wait resets it, and what was told is lost.
    """
    with suppress(OSError):
        connection.send(LOST)
        connection.shutdown(socket.SHUT_WR)
        return True
    return False
