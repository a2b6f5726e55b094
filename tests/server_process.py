"""Starts a server as its own process group on a free port, and stops all of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    url: str
    output: Path

    def terminate(self) -> int:
        """SIGTERM, as Kubernetes sends it; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], output: Path, environment: Mapping[str, str], path: str = "/health"
) -> Iterator[Server]:
    """Run `command --port P` until the block ends; it must answer `path` within four minutes."""
    port = free_port()
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    server = Server(process, f"http://127.0.0.1:{port}", output)
    try:
        wait_until(lambda: _answers(server, path), 240, output)
        yield server
    finally:
        _kill(process)


def wait_until(condition: Callable[[], object], seconds: float, output: Path | None = None) -> None:
    """Poll until the condition holds; what the server said is shown where it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds} s\n{output.read_text() if output else ''}")
        time.sleep(0.1)


def _answers(server: Server, path: str) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(f"the server ended\n{server.output.read_text()}")
    try:
        return httpx.get(server.url + path, timeout=20).status_code == 200
    except httpx.TransportError:
        return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
