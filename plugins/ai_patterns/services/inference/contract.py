"""The service's OpenAPI document: FastAPI's own, with the predictions that the edge answers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_ROW = {"type": "object", "description": "One decision: every input by its name.", "additionalProperties": True}
_ROWS = {"type": "array", "items": _ROW}
_COLUMNS = {"type": "object", "additionalProperties": {"type": "array", "items": {}}}
_INSTANT = {"description": "When the decisions are made: one instant with its offset from UTC, or one a row."}
_EXTRAS: dict[str, Any] = {
    "prediction_ids": {"type": "array", "items": {"type": "string"}},
    "model_version": {"type": "integer"},
    "degraded": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
    "explored": {
        "type": "array",
        "items": {"type": "boolean"},
        "description": "Where the system declares exploration: rows to be acted on whatever their score says.",
    },
}
_NUMBERS = {"type": "array", "items": {"type": ["number", "null"]}}
_REFUSAL = {
    "type": "object",
    "required": ["error", "error_code", "message", "detail"],
    "properties": {
        "error": {"type": "string"},
        "error_code": {"type": "string"},
        "message": {"type": "string"},
        "detail": {"description": "The message, or for each fault its `loc`, `msg` and `type`."},
        "conn_id": {"type": ["string", "null"]},
    },
}
_STATUSES = {
    400: "The body is not valid.",
    401: "The key is missing or wrong.",
    403: "The service runs without a key.",
    404: "No such model, version or label is served.",
    405: "Predictions are asked for by POST.",
    408: "The body took too long to come.",
    413: "The body is too large.",
    422: "A field is missing, wrong or unknown; `detail` names each.",
    429: "The caller asks more often than it may.",
    502: "The worker that had the request ended; send it again.",
    503: "Not now: send the request again after `Retry-After` seconds.",
}
_PREDICTION = (400, 401, 404, 405, 408, 413, 422, 429, 502, 503)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented refusals of an operation."""
    content = {"application/json": {"schema": _REFUSAL}}
    return {status: {"description": _STATUSES[status], "content": content} for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole OpenAPI document."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    split = _object(columns={"type": "array"}, data={"type": "array", "items": {"type": "array"}}, index={})
    forms = {"dataframe_split": split, "dataframe_records": _ROWS, "instances": _ROWS, "inputs": {}}
    invocations = _object(**forms, params=_optional(decided_at=_INSTANT))
    document["paths"]["/invocations"] = _post("MLflow", invocations, _object(predictions=_NUMBERS, **_EXTRAS), [])
    document["paths"]["/invocations"]["post"]["requestBody"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    predict = _object(instances=_ROWS, inputs=_COLUMNS, decided_at=_INSTANT, signature_name={"type": "string"})
    scores = _object(predictions=_NUMBERS, outputs=_NUMBERS, **_EXTRAS)
    examples = _object(
        examples=_ROWS,
        context={**_ROW, "type": ["object", "null"]},
        decided_at=_INSTANT,
        signature_name={"type": "string"},
    )
    for place, names in _PLACES.items():
        for verb, body, result in (
            ("predict", predict, scores),
            ("classify", examples, _object(result={"type": "array"}, **_EXTRAS)),
            ("regress", examples, _object(result=_NUMBERS, **_EXTRAS)),
        ):
            document["paths"][f"/v1/models/{place}:{verb}"] = _post("TensorFlow Serving", body, result, names)
    tensors = {"type": "array", "items": _object(name={"type": "string"}, shape={"type": "array"}, data={})}
    infer = _object(
        id={"type": ["string", "null"]}, inputs=tensors, outputs={"type": ["array", "null"]}, parameters=_optional()
    )
    answer = _object(model_name={"type": "string"}, model_version={"type": "string"}, outputs=tensors)
    for place, names in [*_PLACES.items()][:2]:
        document["paths"][f"/v2/models/{place}/infer"] = _post("Open Inference 2", infer, answer, names)
    return document


_PLACES = {
    "{name}": ["name"],
    "{name}/versions/{version}": ["name", "version"],
    "{name}/labels/{label}": ["name", "label"],
}


def _post(tag: str, body: dict[str, Any], result: dict[str, Any], names: list[str]) -> dict[str, Any]:
    success = {"description": "The predictions.", "content": {"application/json": {"schema": result}}}
    operation: dict[str, Any] = {
        "tags": [tag],
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": success} | {str(status): answer for status, answer in refusals(*_PREDICTION).items()},
    }
    return {"post": operation}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _optional(**properties: Any) -> dict[str, Any]:
    return {**_object(**properties), "type": ["object", "null"]}
