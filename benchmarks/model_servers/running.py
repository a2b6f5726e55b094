"""A server from its start to its end, and what its processes take."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_servers.sides import Side
from model_servers.stage import Stage

_READY_SECONDS = 180.0


@dataclass(frozen=True)
class Run:
    """A server that answers.

    Attributes:
        cold: seconds from its start to its first prediction.
    """

    process: subprocess.Popen[bytes]
    port: int
    cold: float
    answer: Any

    def peak(self) -> float:
        """Peak resident memory of all its processes, MB."""
        return sum(_peak(pid) for pid in _group(self.process.pid)) / 1024


@contextmanager
def running(side: Side, stage: Stage, port: int) -> Iterator[Run]:
    """Start a server, and before it what it needs beside it; wait for its first prediction; stop both."""
    python = side.python()
    own = {"PATH": f"{python.parent}:{os.environ['PATH']}", "MODEL_ONNX": str(stage.model / "serving" / "model.onnx")}
    environment = {**_shell(), "PYTHONPATH": "", **own, **side.variables}
    with side.beside(stage) as more, (stage.folder / f"{side.name}.log").open("wb") as log:
        command = [str(python), *side.command(stage, port), *more]
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603
            command, stdout=log, stderr=log, start_new_session=True, cwd=stage.folder, env=environment
        )
        try:
            answer = _first_answer(process, f"http://127.0.0.1:{port}{side.path}", stage.bodies[side.body])
            yield Run(process, port, time.perf_counter() - started, answer)
        finally:
            _end(process)


def _shell() -> dict[str, str]:
    """This environment, but for what Feast put into it as the stage was built, and with bytecode, as installed."""
    left_out = ("PROMETHEUS_MULTIPROC", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _first_answer(process: subprocess.Popen[bytes], url: str, body: Path) -> Any:
    request = urllib.request.Request(url, body.read_bytes(), {"Content-Type": "application/json"})  # noqa: S310
    deadline = time.perf_counter() + _READY_SECONDS
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return json.load(response)
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"no answer of {url}")


def _group(leader: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("ascii").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:  # its session
            found.append(int(path.parent.name))
    return found


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
