"""One model and its rows: in our registry and feature store, and as the matrix that the peers read."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

import bakery
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.core.vectors import add_on_demand, model_matrix
from ai_patterns.jobs.feature_store import apply_repository, materialize

NOON = bakery.DAYS.start + dt.timedelta(days=2, hours=12)
TREES = 200
_ROW = {"order_id": 1, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": 0.5, "gift": False}
_CHANGES = [{}, {"shop": 2, "product": "croissant"}, {"shop": -7, "grams": 3.5, "gift": True}, {"shop": 99}]


@dataclass(frozen=True)
class Stage:
    """What every side needs.

    Attributes:
        folder: holds all of it.
        tracking_uri: the registry with the champion.
        lake: URI of the lake.
        model: the MLflow model's folder; the ONNX form lies in it.
        bodies: the requests by form: `records` for ours, `split` (MLflow), `rows` and `tensors` with the same matrix.
    """

    folder: Path
    tracking_uri: str
    lake: str
    model: Path
    bodies: dict[str, Path]
    scores: list[float]


def build(folder: Path, rows: int) -> Stage:
    """Fit the model, fill the store, and write one request of `rows` rows in every side's form."""
    system = bakery.bakery()
    trees = system.model.model_copy(update={"parameters": {"max_iter": TREES, "random_state": 7}})
    lake = Lake(str(folder / "lake"), system.name)
    bakery.publish(lake, system)
    apply_repository(system, lake, folder / "feast")
    materialize(system, lake, folder / "feast", NOON)
    registry = Registry(f"sqlite:///{folder}/mlflow.db", system.name)
    bakery.register_champion(registry, system.model_copy(update={"model": trees}), seed=3)
    records = [{**_ROW, **_CHANGES[number % len(_CHANGES)], "order_id": number} for number in range(rows)]
    stored = OnlineFeatureReader(system, folder / "feast").read(pa.Table.from_pylist(records))
    table = pa.Table.from_pylist([{**row, "placed_at": dt.datetime.fromisoformat(row["placed_at"])} for row in records])
    for name in stored.table.column_names:
        table = table.append_column(name, stored.table.column(name))
    model = registry.load_onnx(1)
    matrix = model_matrix(system, add_on_demand(system, table), model.encodings)
    (onnx,) = folder.glob("artifacts/**/model.onnx")
    split = {"columns": list(system.model.columns), "data": matrix.tolist()}
    tensors = [
        {"name": name, "shape": [rows], "datatype": "FP32", "data": matrix[:, place].tolist()}
        for place, name in enumerate(system.model.columns)
    ]
    bodies = {
        "records": {"dataframe_records": records},
        "split": {"dataframe_split": split},
        "rows": {"rows": matrix.tolist()},
        "tensors": {"parameters": {"content_type": "pd"}, "inputs": tensors},
    }
    return Stage(
        folder=folder,
        tracking_uri=registry.tracking_uri,
        lake=lake.uri,
        model=onnx.parent.parent,
        bodies={name: _write(folder / f"{name}-{rows}.json", body) for name, body in bodies.items()},
        scores=model.predict(matrix).tolist(),
    )


def _write(path: Path, body: object) -> Path:
    path.write_text(json.dumps(body).replace("NaN", "null"), "utf-8")
    return path
