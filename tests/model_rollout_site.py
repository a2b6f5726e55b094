"""An orchard whose champion is served beside a challenger: versions that are good, and such as harm in one way each."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import append_promotion
from ai_patterns.clients.mlflow import CHAMPION, Registry
from ai_patterns.core.ledger import Promotion
from ai_patterns.core.rollout_counts import Counts
from ai_patterns.jobs.training import train
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec
from orchard import DAYS, NOON, fill, orchard

KEY = "open-sesame"
HEADERS = {"X-API-Key": KEY}
HEAVY = 5_000.0
"""A crate's weight that no evaluation row has; the failing version fails at it."""

ROLLOUT = {
    "shadow": {"requests": 150, "duration": "0s", "at_most": "10m"},
    "canary": [0.2, 0.5],
    "hold": {"requests": 60, "duration": "0s", "at_most": "10m"},
    "limits": {"error_rate": 0.02, "p99_ratio": 1000, "prediction_shift": 0.2},
}
"""Of 150 scorings a machine that stops for a moment makes the second slowest of either version: no limit of its own."""


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    lake: Lake
    registry: Registry

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "ai_patterns.services.inference", "--workers", "2"),
            *("--system-folder", str(self.system.folder)),
            *("--lake", self.lake.uri),
            *("--tracking-uri", self.registry.tracking_uri),
            *("--feature-repo", str(self.system.folder)),
            *("--poll-seconds", "0.2", "--flush-seconds", "0.3"),
        ]

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", "AI_PATTERNS_API_KEY": KEY}


def make_site(folder: Path, rollout: Mapping[str, Any] = ROLLOUT) -> Site:
    """Version 1 is trained and the champion; the gates let everything pass that can be measured."""
    document = orchard("regression").model_dump(mode="json", exclude_none=True)
    document |= {"rollout": rollout, "gates": {"compare": "rmse", "tolerance": 1000}}
    home = folder / "orchard"
    home.mkdir(parents=True)
    (home / "system.yaml").write_text(json.dumps(document), "utf-8")
    for name in ("packed", "inspected"):
        (home / f"{name}.sql").write_text("SELECT 1", "utf-8")
    system, lake = load_system(home), Lake(str(folder / "lake"), "orchard")
    registry = Registry(f"sqlite:///{folder}/mlflow/mlflow.db", "orchard")
    fill(system, lake)
    version = train(system, lake, registry, DAYS).version
    append_promotion(lake, Promotion(0, NOON, "promoted", version, None, "given"), lambda _: True)
    registry.set_alias(CHAMPION, version)
    return Site(system, lake, registry)


def challenge(site: Site, harm: Callable[[onnx.ModelProto], None] | None = None) -> int:
    """Another version of the champion's skill, or one that harms."""
    version = train(site.system, site.lake, site.registry, DAYS).version
    if harm is not None:
        file = newest_model(site)
        model = onnx.load(file)
        harm(model)
        onnx.checker.check_model(model)
        file.write_bytes(model.SerializeToString())
    return version


def newest_model(site: Site) -> Path:
    """The file of the version that was registered last."""
    artifacts = Path(site.registry.tracking_uri.removeprefix("sqlite:///")).parent / "artifacts"
    return max(artifacts.glob("**/model.onnx"), key=lambda path: path.stat().st_mtime_ns)


def shifting(model: onnx.ModelProto) -> None:
    """Every score is 3 too high."""
    _add(model, [], _constant(model, "three", np.float32([[3.0]])))


def failing(model: onnx.ModelProto) -> None:
    """It fails at a crate that is heavier than any that it was evaluated on."""
    weight = _weight(model)
    nothing = _constant(model, "nothing", np.zeros((1, 1), np.float32))
    limit = _constant(model, "limit", np.float32(HEAVY))
    nodes = [
        helper.make_node("GreaterOrEqual", [weight, limit], ["too_heavy"]),
        helper.make_node("Cast", ["too_heavy"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", [nothing, "place"], ["found"], axis=0),
        helper.make_node("ReduceSum", ["found"], ["harm"], keepdims=0),
    ]
    _add(model, nodes, "harm")


def slow(model: onnx.ModelProto) -> None:
    """It multiplies large matrices before it answers: many times what the others take, however busy the machine is."""
    weight = _weight(model)
    matrix = _constant(model, "matrix", np.ones((640, 640), np.float32))
    bound, zero = _constant(model, "bound", np.float32(1.0)), _constant(model, "zero", np.float32(0.0))
    nodes = [
        helper.make_node("ReduceSum", [weight], ["seed"], keepdims=0),
        helper.make_node("Mul", [matrix, "seed"], ["seeded"]),
        helper.make_node("MatMul", ["seeded", matrix], ["product"]),
        helper.make_node("ReduceMax", ["product"], ["top"], keepdims=0),
        helper.make_node("Greater", ["top", bound], ["is_more"]),
        helper.make_node("Cast", ["is_more"], ["more"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["more", zero], ["harm"]),
    ]
    _add(model, nodes, "harm")


def _constant(model: onnx.ModelProto, name: str, value: Any) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def _weight(model: onnx.ModelProto) -> str:
    """The second column of the input."""
    place = _constant(model, "weight_at", np.int64(1))
    model.graph.node.insert(0, helper.make_node("Gather", [model.graph.input[0].name, place], ["weight"], axis=1))
    return "weight"


def _add(model: onnx.ModelProto, nodes: list[onnx.NodeProto], summand: str) -> None:
    """The same model, its answer plus `summand`."""
    answer = model.graph.output[-1].name
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == answer:
                node.output[place] = "unharmed"
    model.graph.node.extend([*nodes, helper.make_node("Add", ["unharmed", summand], [answer])])


def crate(rng: random.Random, **changed: Any) -> dict[str, Any]:
    """A decision that nobody else asks about."""
    return {
        "crate": f"{rng.randrange(10**12)}",
        "packed_at": "2024-06-10T12:00:00Z",
        "variety": rng.choice(["boskoop", "cox", "gala", "jonagold"]),
        "warmth": rng.gauss(15, 5),
        "weight": rng.uniform(5, 20),
        **changed,
    }


def read_counts(url: str) -> Callable[[int], Counts]:
    client = httpx.Client(headers=HEADERS, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))

    def read(sequence: int) -> Counts:
        answer = client.get(f"{url}/admin/rollouts/{sequence}")
        return Counts.from_dict(answer.raise_for_status().json()["counts"])

    return read


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
