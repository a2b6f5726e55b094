"""The Open Inference Protocol, version 2, over REST (KServe, "Open Inference Protocol (V2)")."""

from __future__ import annotations

import json
from typing import Any

from ai_patterns.services.inference.requests import (
    Predictions,
    Query,
    RequestError,
    records_of_columns,
    require_object,
    require_records,
)
from ai_patterns.spec.streams import ColumnType
from ai_patterns.spec.system import SystemSpec

_DATATYPES: dict[ColumnType, str] = {
    "string": "BYTES",
    "timestamp": "BYTES",
    "integer": "INT64",
    "double": "FP64",
    "boolean": "BOOL",
}


def parse(body: object) -> Query:
    """Read one tensor of shape `[n]` or `[n, 1]` a column; `parameters.decided_at` tells when the decisions are made.

    Raises:
        RequestError: a tensor is malformed or its data do not fill its shape.
    """
    document = require_object(body, "the body")
    tensors = require_records(document.get("inputs"), "inputs")
    parameters = require_object(document.get("parameters") or {}, "parameters")
    columns: dict[str, Any] = {}
    for number, tensor in enumerate(tensors):
        name = tensor.get("name")
        if not isinstance(name, str) or name in columns:
            raise RequestError(f"inputs[{number}] must have a name of its own", status=422)
        columns[name] = _data(dict(tensor), name)
    return Query(records_of_columns(columns), parameters.get("decided_at"), id=document.get("id"))


def render(predictions: Predictions, request_id: str | None) -> dict[str, Any]:
    """Three output tensors: `score`, `prediction_id` and `degraded` (a JSON list of feature names a row)."""
    rows = len(predictions.scores)
    degraded = [json.dumps(names) for names in predictions.degraded]
    answer = {
        "model_name": predictions.model_name,
        "model_version": str(predictions.model_version),
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [rows], "data": predictions.numbers()},
            {"name": "prediction_id", "datatype": "BYTES", "shape": [rows], "data": predictions.ids},
            {"name": "degraded", "datatype": "BYTES", "shape": [rows], "data": degraded},
        ],
    }
    return answer if request_id is None else {**answer, "id": request_id}


def render_metadata(system: SystemSpec, version: int) -> dict[str, Any]:
    """The model's inputs and outputs."""
    columns = system.decision_stream.columns
    outputs = (("score", "FP64"), ("prediction_id", "BYTES"), ("degraded", "BYTES"))
    return {
        "name": system.name,
        "versions": [str(version)],
        "platform": "onnx_onnxv1",
        "inputs": [_tensor(name, _DATATYPES[columns[name].type]) for name in system.decision.inputs],
        "outputs": [_tensor(name, datatype) for name, datatype in outputs],
    }


def render_server() -> dict[str, Any]:
    """The server's own metadata."""
    return {"name": "ai-patterns-inference", "version": "2", "extensions": []}


def _tensor(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}


def _data(tensor: dict[str, Any], name: str) -> list[Any]:
    data, shape = tensor.get("data"), tensor.get("shape")
    if (
        not isinstance(data, list)
        or not isinstance(shape, list)
        or len(shape) not in {1, 2}
        or shape[1:] not in ([], [1])
    ):
        raise RequestError(f"the tensor {name!r} must have data and a shape of [n] or [n, 1]", status=422)
    flat = [item[0] if isinstance(item, list) and len(item) == 1 else item for item in data]
    if len(flat) != shape[0]:
        raise RequestError(f"the tensor {name!r} holds {len(flat)} values, its shape says {shape[0]}", status=422)
    return flat
