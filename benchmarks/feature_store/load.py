"""A load generator, run as a process of its own: a few connections, each asks again as soon as it was answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import uvloop


class Caller(asyncio.Protocol):
    """One connection; it is opened anew when the server closes it, and the open request counts as failed."""

    def __init__(self, tally: Tally) -> None:
        self._tally, self._received, self._wanted = tally, bytearray(), -1
        self._asked = 0.0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        if time.perf_counter() > self._tally.end:
            self._asked = 0.0
            self._transport.close()
            return
        self._asked = time.perf_counter()
        self._transport.write(next(self._tally.requests))  # type: ignore[attr-defined]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._received += data
        if self._wanted < 0:
            head = self._received.find(b"\r\n\r\n")
            if head < 0:
                return
            headers = bytes(self._received[:head]).lower()
            length = (
                headers.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0] if b"content-length:" in headers else b"0"
            )
            self._status, self._wanted = int(headers[9:12]), head + 4 + int(length)
        if len(self._received) >= self._wanted:
            self._tally.take(self._status, time.perf_counter() - self._asked)
            self._received.clear()
            self._wanted = -1
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Called by asyncio."""
        self._tally.failed += bool(self._asked)
        self.closed.set_result(None)


class Tally:
    """What was asked and answered."""

    def __init__(self, requests: Iterator[bytes], end: float) -> None:
        self.requests, self.end = requests, end
        self.seconds: list[float] = []
        self.failed = 0

    def take(self, status: int, seconds: float) -> None:
        """Take one answer in."""
        if status == 200:
            self.seconds.append(seconds)
        else:
            self.failed += 1


async def call(tally: Tally, host: str, port: int) -> None:
    """Keep one connection busy until the end."""
    while time.perf_counter() < tally.end:
        try:
            _, caller = await asyncio.get_running_loop().create_connection(lambda: Caller(tally), host, port)
            await caller.closed
        except OSError:
            tally.failed += 1
            await asyncio.sleep(0.01)


async def load(url: str, bodies: list[str], connections: int, seconds: float) -> dict[str, float]:
    """Ask for some seconds; figures in requests a second and milliseconds."""
    place = urlsplit(url)
    head = (
        f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nX-API-Key: bench\r\nContent-Type: application/json\r\n"
    )
    encoded = [body.encode() for body in bodies]
    requests = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in encoded]
    started = time.perf_counter()
    tally = Tally(itertools.cycle(requests), started + seconds)
    await asyncio.gather(*(call(tally, place.hostname or "", place.port or 80) for _ in range(connections)))
    taken, ordered = time.perf_counter() - started, sorted(tally.seconds)
    places = {"p50": 0.5, "p99": 0.99}
    found = {name: ordered[int(len(ordered) * share)] * 1000 for name, share in places.items()} if ordered else {}
    return {"rate": len(ordered) / taken, "failed": tally.failed, **found}


if __name__ == "__main__":
    target, file, count, duration = sys.argv[1:]
    print(json.dumps(uvloop.run(load(target, json.loads(Path(file).read_text()), int(count), float(duration)))))
