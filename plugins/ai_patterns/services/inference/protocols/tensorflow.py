"""TensorFlow Serving's REST protocol: `/v1/models/{name}:predict` (TF Serving documentation, "RESTful API")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ai_patterns.services.inference.requests import (
    Answer,
    Predictions,
    Query,
    Record,
    RequestError,
    json_answer,
    optional_object,
    read_json,
    records_of_columns,
    require_object,
    require_records,
)
from ai_patterns.spec.streams import ColumnType
from ai_patterns.spec.system import SystemSpec

if TYPE_CHECKING:
    from ai_patterns.services.inference.guard import Headers
    from ai_patterns.services.inference.service import Service

SIGNATURE = "serving_default"
_DTYPES: dict[ColumnType, str] = {
    "string": "DT_STRING",
    "timestamp": "DT_STRING",
    "integer": "DT_INT64",
    "double": "DT_DOUBLE",
    "boolean": "DT_BOOL",
}


def read(body: bytes, _: Headers, __: Service) -> Query:
    """Read a `:predict` request.

    Raises:
        RequestError: it is malformed.
    """
    return parse(read_json(body))


def read_classify(body: bytes, _: Headers, service: Service) -> Query:
    """Read a `:classify` request.

    Raises:
        RequestError: it is malformed, or the model is none of classes.
    """
    _require_task(service.predictor.system, "classification", "classify")
    return parse_examples(read_json(body))


def read_regress(body: bytes, _: Headers, service: Service) -> Query:
    """Read a `:regress` request.

    Raises:
        RequestError: it is malformed, or the model is none of numbers.
    """
    _require_task(service.predictor.system, "regression", "regress")
    return parse_examples(read_json(body))


def answer(query: Query, predictions: Predictions) -> Answer:
    """The response to `:predict`."""
    return json_answer(render(predictions, columnar=query.columnar))


def answer_classify(_: Query, predictions: Predictions) -> Answer:
    """The response to `:classify`: for each example the classes 0 and 1 with their probabilities."""
    pairs = [[["0", None if p is None else 1 - p], ["1", p]] for p in predictions.numbers()]
    return json_answer({"result": pairs, **predictions.extras()})


def answer_regress(_: Query, predictions: Predictions) -> Answer:
    """The response to `:regress`."""
    return json_answer({"result": predictions.numbers(), **predictions.extras()})


def parse_examples(body: object) -> Query:
    """Read `examples`, each an object of features, with what all share in `context`.

    Raises:
        RequestError: another signature, or malformed.
    """
    document = require_object(body, "the body")
    _require_signature(document)
    context = optional_object(document, "context")
    examples: list[Record] = [
        {**context, **example} for example in require_records(document.get("examples"), "examples")
    ]
    return Query(examples, document.get("decided_at"))


def parse(body: object) -> Query:
    """Read `instances` (rows) or `inputs` (columns); `decided_at` beside them tells when the decisions are made.

    Raises:
        RequestError: not exactly one of the two, another signature, or malformed.
    """
    document = require_object(body, "the body")
    _require_signature(document)
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


def render_status(versions: Iterable[int]) -> dict[str, Any]:
    """The status of versions, as TF Serving writes it."""
    status = {"error_code": "OK", "error_message": ""}
    return {
        "model_version_status": [
            {"version": str(version), "state": "AVAILABLE", "status": status}
            for version in sorted(versions, reverse=True)
        ]
    }


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


def _require_signature(document: dict[str, Any]) -> None:
    if document.get("signature_name", SIGNATURE) not in (SIGNATURE, ""):
        raise RequestError(f"the only signature is {SIGNATURE!r}", status=400)


def _require_task(system: SystemSpec, task: str, verb: str) -> None:
    if system.model.task != task:
        raise RequestError(f"{system.name!r} is a model of {system.model.task}; :{verb} needs {task}", status=400)
