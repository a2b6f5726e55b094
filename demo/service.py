"""The inference service as a process of its own, and requests to it over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from ai_patterns.clients.home import Home

READY_SECONDS = 90


@contextmanager
def inference(home: Home, system_folder: Path, port: int, log: Path) -> Iterator[str]:
    """The service on `port`, ended by its process group; its URL.

    Raises:
        RuntimeError: it did not become ready.
    """
    command = [
        sys.executable, "-m", "ai_patterns.services.inference",
        "--system-folder", str(system_folder), "--lake", home.lake, "--tracking-uri", home.tracking,
        "--feature-repo", str(home.features / system_folder.name), "--host", "127.0.0.1", "--port", str(port),
        "--poll-seconds", "1", "--flush-seconds", "1",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - this interpreter and its own flags
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url, log)
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


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/ready", timeout=5).is_success:
                return
        time.sleep(0.5)
    raise RuntimeError(f"the inference service is not ready; its log ends with:\n{log.read_text()[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
