"""Every server: its environment, its command, what it is asked, and where its scores are in the answer."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bakery
from ai_patterns.clients.kafka import Broker
from ai_patterns.runtimes.kafka import Kafka
from model_servers.stage import Stage

_ROOT = Path(__file__).resolve().parents[2]
_PEERS = Path(__file__).resolve().parent.parent / "peers"
_HOMES = Path(".run/bench").absolute()
_TOPIC = "bakery.predictions"


@dataclass(frozen=True)
class Side:
    """One server.

    Attributes:
        packages: of its own environment.
        command: arguments behind its Python, from the stage and a port.
        body: form of its request.
        scores: finds the scores in its answer.
        beside: starts what its server needs beside it, and gives the arguments that lead there.
    """

    name: str
    path: str
    body: str
    command: Callable[[Stage, int], Sequence[str]]
    scores: Callable[[Any], list[float]]
    packages: Sequence[str]
    variables: dict[str, str] = field(default_factory=dict)
    beside: Callable[[Stage], AbstractContextManager[Sequence[str]]] = lambda _: nullcontext(())

    def python(self) -> Path:
        """Python of its environment, which is made once."""
        home = _HOMES / self.name
        if not (home / "installed").exists():
            subprocess.run([".uv/bin/uv", "venv", "--quiet", "--clear", "--python", "3.11", str(home)], check=True)  # noqa: S603
            install = [".uv/bin/uv", "pip", "install", "--quiet", "--compile-bytecode", "--python"]
            subprocess.run([*install, str(home / "bin" / "python"), *self.packages], check=True)  # noqa: S603
            (home / "installed").touch()
        return home / "bin" / "python"


def _our_packages() -> list[str]:
    """What a server is installed with: the extra `serving`, Kafka's client, and of the base what is no Airflow."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    base = [name for name in project["dependencies"] if not name.startswith("apache-airflow")]
    return [*base, *extras["serving"], *(name for name in extras["kafka"] if name.startswith("confluent-kafka"))]


@contextmanager
def _broker(stage: Stage) -> Iterator[Sequence[str]]:
    """A broker that takes the predictions; at the end some must be there."""
    kafka = Kafka(stage.folder / "kafka")
    try:
        kafka.up()
        yield "--kafka", kafka.address
        if not any(marks.high for marks in Broker(kafka.address).watermarks(_TOPIC).values()):
            raise RuntimeError(f"no prediction is in {_TOPIC}")
    finally:
        kafka.down()


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
    _broker,
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
        "tensors",
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
