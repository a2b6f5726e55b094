"""Services as processes of their own, and requests to the inference service over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from ai_patterns.clients.home import Home

READY_SECONDS = 90


@contextmanager
def inference(home: Home, system_folder: Path, port: int, log: Path) -> Iterator[str]:
    """The inference service on `port`; its URL.

    Raises:
        RuntimeError: it did not become ready.
    """
    command = [
        "ai_patterns.services.inference",
        "--system-folder", str(system_folder), "--lake", home.lake, "--tracking-uri", home.tracking,
        "--feature-repo", str(home.features / system_folder.name), "--host", "127.0.0.1", "--port", str(port),
        "--poll-seconds", "1", "--flush-seconds", "1",
    ]  # fmt: skip
    with service("the inference service", command, port, "/ready", log) as url:
        yield url


@contextmanager
def service(name: str, command: Sequence[str], port: int, ready: str, log: Path) -> Iterator[str]:
    """A module as a process of its own, ended by its process group; its URL.

    Args:
        name: what to call it in an error.
        command: the module and its flags.
        port: where it listens.
        ready: path that answers well once it is ready.
        log: where it writes.

    Raises:
        RuntimeError: it did not become ready.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and its own flags
            [sys.executable, "-m", *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, name, f"{url}{ready}", log)
        yield url
    finally:
        _end(process)


def predict(url: str, rows: list[dict[str, Any]], decided_at: list[str]) -> dict[str, Any]:
    """One request; the predictions with their ids, the model version and the degraded features."""
    body = {"dataframe_records": rows, "params": {"decided_at": decided_at}}
    answer = httpx.post(f"{url}/invocations", json=body, timeout=60)
    answer.raise_for_status()
    predictions: dict[str, Any] = answer.json()
    return predictions


def _wait_until_ready(process: subprocess.Popen[bytes], name: str, url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5).is_success:
                return
        time.sleep(0.5)
    raise RuntimeError(f"{name} is not ready; its log ends with:\n{log.read_text()[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
