"""Every server: its environment, how it is started, what it is asked, and where its scores are in the answer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bakery
from model_servers.stage import Stage

_ROOT = Path(__file__).resolve().parents[2]
_PEERS = Path(__file__).resolve().parent.parent / "peers"
_HOMES = Path(".run/bench").absolute()
_READY_SECONDS = 180.0


@dataclass(frozen=True)
class Side:
    """One server.

    Attributes:
        packages: of its own environment.
        command: arguments behind its Python, from the stage and a port.
        body: form of its request.
        scores: finds the scores in its answer.
    """

    name: str
    path: str
    body: str
    command: Callable[[Stage, int], Sequence[str]]
    scores: Callable[[Any], list[float]]
    packages: Sequence[str]
    variables: dict[str, str] = field(default_factory=dict)

    def python(self) -> Path:
        """Python of its environment, which is made once."""
        home = _HOMES / self.name
        if not (home / "installed").exists():
            subprocess.run([".uv/bin/uv", "venv", "--quiet", "--clear", "--python", "3.11", str(home)], check=True)  # noqa: S603
            install = [".uv/bin/uv", "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
            subprocess.run([*install, *self.packages], check=True)  # noqa: S603
            (home / "installed").touch()
        return home / "bin" / "python"


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
    """Start a server, wait for its first prediction, stop it."""
    python = side.python()
    command = [str(python), *side.command(stage, port)]
    own = {"PATH": f"{python.parent}:{os.environ['PATH']}", "MODEL_ONNX": str(stage.model / "serving" / "model.onnx")}
    log = (stage.folder / f"{side.name}.log").open("wb")
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        command, stdout=log, stderr=log, start_new_session=True, cwd=stage.folder,
        env={**os.environ, "PYTHONPATH": "", **own, **side.variables},
    )  # fmt: skip
    try:
        answer = _first_answer(process, f"http://127.0.0.1:{port}{side.path}", stage.bodies[side.body])
        yield Run(process, port, time.perf_counter() - started, answer)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        log.close()


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


def _our_packages() -> list[str]:
    """What a server is installed with: the extra `serving`, and of the base what is no Airflow."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    base = [name for name in project["dependencies"] if not name.startswith("apache-airflow")]
    return [*base, *project["optional-dependencies"]["serving"]]


OURS = Side(
    "ai-patterns",
    "/invocations",
    "records",
    lambda stage, port: [
        *("-m", "ai_patterns.services.inference", "--system-folder", str(bakery.FOLDER), "--lake", stage.lake),
        *("--tracking-uri", stage.tracking_uri, "--feature-repo", str(stage.folder / "feast"), "--port", str(port)),
    ],
    lambda answer: list(answer["predictions"]),
    _our_packages(),
    {"PYTHONPATH": str(_ROOT / "plugins"), "OMP_NUM_THREADS": "1"},
)
PEERS = (
    Side(
        "mlflow",
        "/invocations",
        "split",
        lambda stage, port: [
            *("-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", "127.0.0.1"),
            *("--workers", "1", "--model-uri", str(stage.model), "--port", str(port)),
        ],
        lambda answer: list(answer["predictions"]),
        ("mlflow==3.17.2", "scikit-learn==1.9.1", "skops==0.16.0", "pandas<3"),
    ),
    Side(
        "bentoml",
        "/predict",
        "rows",
        lambda _, port: [
            *("-m", "bentoml", "serve", "bentoml_service:Model", "--working-dir", str(_PEERS)),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        list,
        ("bentoml", "onnxruntime", "numpy"),
        {"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Side(
        "litserve",
        "/predict",
        "rows",
        lambda _, port: [str(_PEERS / "litserve_service.py"), str(port)],
        lambda answer: list(answer["scores"]),
        ("litserve", "onnxruntime", "numpy"),
    ),
    Side(
        "mlserver",
        "/v2/models/model/infer",
        "tensor",
        lambda stage, port: [str(_PEERS / "mlserver_service.py"), str(stage.model), str(port)],
        lambda answer: list(answer["outputs"][0]["data"]),
        ("mlserver", "mlserver-mlflow", "mlflow==3.17.2", "scikit-learn==1.9.1", "skops==0.16.0", "pandas<3"),
    ),
    Side(
        "ray",
        "/predict",
        "rows",
        lambda _, port: [str(_PEERS / "ray_service.py"), str(port)],
        lambda answer: list(answer["scores"]),
        ("ray[serve]", "onnxruntime", "numpy"),
        {"RAY_USAGE_STATS_ENABLED": "0"},
    ),
)
