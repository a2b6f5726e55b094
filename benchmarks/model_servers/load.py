"""Closed-loop clients over kept connections: `python load.py PORT PATH BODY CLIENTS SECONDS`.

Prints JSON: requests a second, p50 and p99 in milliseconds, and the number of answers that were not 200.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path


class Client(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, request: bytes, until: float, taken: list[float], wrong: list[bytes]) -> None:
        self._request, self._until, self._taken, self._wrong = request, until, taken, wrong
        self._held = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found or not _is_whole(head, body):
            return
        self._taken.append(time.perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._wrong.append(head)
        self._held = b""
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        if error is not None:
            self._wrong.append(str(error).encode())
        self.done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined]


def _is_whole(head: bytes, body: bytes) -> bool:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
        if name == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    raise ValueError(f"an answer without its length: {head!r}")


async def _run(port: int, path: str, body: bytes, clients: int, seconds: float) -> dict[str, float]:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    request = head.encode() + b"\r\n\r\n" + body
    taken: list[float] = []
    wrong: list[bytes] = []
    loop, started = asyncio.get_running_loop(), time.perf_counter()
    until = started + seconds
    made = [
        (await loop.create_connection(lambda: Client(request, until, taken, wrong), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for client in made))
    taken.sort()
    return {
        "rps": len(taken) / (time.perf_counter() - started),
        "p50": taken[len(taken) // 2] * 1000,
        "p99": taken[int(len(taken) * 0.99)] * 1000,
        "wrong": len(wrong),
    }


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        pass
    else:
        uvloop.install()
    port, path, file, clients, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(_run(int(port), path, Path(file).read_bytes(), int(clients), float(seconds)))))
