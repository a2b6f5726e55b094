"""TensorFlow Serving's REST protocol: `/v1/models/{name}:predict` (TF Serving documentation, "RESTful API")."""

from __future__ import annotations

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

SIGNATURE = "serving_default"
_DTYPES: dict[ColumnType, str] = {
    "string": "DT_STRING",
    "timestamp": "DT_STRING",
    "integer": "DT_INT64",
    "double": "DT_DOUBLE",
    "boolean": "DT_BOOL",
}


def parse(body: object) -> Query:
    """Read `instances` (rows) or `inputs` (columns); `decided_at` beside them tells when the decisions are made.

    Raises:
        RequestError: not exactly one of the two, another signature, or malformed.
    """
    document = require_object(body, "the body")
    if document.get("signature_name", SIGNATURE) != SIGNATURE:
        raise RequestError(f"the only signature is {SIGNATURE!r}", status=400)
    if ("instances" in document) == ("inputs" in document):
        raise RequestError("the body must hold either instances (rows) or inputs (columns)", status=422)
    decided_at = document.get("decided_at")
    if "instances" in document:
        return Query(require_records(document["instances"], "instances"), decided_at)
    columns = require_object(document["inputs"], "inputs")
    return Query(records_of_columns(columns), decided_at, columnar=True)


def render(predictions: Predictions, *, columnar: bool) -> dict[str, Any]:
    """`predictions` for rows, `outputs` for columns; the keys beside them are ours."""
    return {"outputs" if columnar else "predictions": predictions.numbers(), **predictions.extras()}


def render_status(version: int) -> dict[str, Any]:
    """The model's status, as TF Serving writes it."""
    status = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [{"version": str(version), "state": "AVAILABLE", "status": status}]}


def render_metadata(system: SystemSpec, version: int) -> dict[str, Any]:
    """The model's inputs and output, as TF Serving writes a signature."""
    columns = system.decision_stream.columns
    inputs = {name: _tensor(name, _DTYPES[columns[name].type]) for name in system.decision.inputs}
    signature = {
        "inputs": inputs,
        "outputs": {"score": _tensor("score", "DT_DOUBLE")},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": system.name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    }


def _tensor(name: str, dtype: str) -> dict[str, Any]:
    shape = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    return {"dtype": dtype, "tensor_shape": shape, "name": name}
