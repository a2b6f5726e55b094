"""The servers that are compared: `feast serve` as shipped and tuned, in an environment of its own, and ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from ai_patterns.runtimes.runtime import free_port
from feature_store.stage import peer


def feast_command(repo: Path, *flags: str) -> list[str]:
    """`feast serve` for a repository."""
    return [str(Path(peer()).with_name("feast")), "--chdir", str(repo), "serve", *flags]


def our_command(repo: Path) -> list[str]:
    """Our service for the same repository."""
    return [sys.executable, "-m", "ai_patterns.services.features", "--repo", str(repo)]


@contextmanager
def serving(command: list[str], environment: Mapping[str, str], output: Path) -> Iterator[str]:
    """Run a server in a process group of its own; its address."""
    port = free_port()
    with output.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603
            [*command, "--port", str(port)],
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "FEAST_USAGE": "False", **environment},
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, process, output)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    for _ in range(600):
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer\n{output.read_text()}")
