"""The Open Inference Protocol, version 2, over REST (KServe, "Open Inference Protocol (V2)")."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ai_patterns.services.inference.protocols import tensors
from ai_patterns.services.inference.requests import (
    Answer,
    Predictions,
    Query,
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

_DATATYPES: dict[ColumnType, str] = {
    "string": "BYTES",
    "timestamp": "BYTES",
    "integer": "INT64",
    "double": "FP64",
    "boolean": "BOOL",
}

_OUTPUTS = {"score": "FP64", "prediction_id": "BYTES", "degraded": "BYTES"}


def read(body: bytes, headers: Headers, _: Service) -> Query:
    """Read an `infer` request, with or without bytes behind its JSON.

    Raises:
        RequestError: it is malformed.
    """
    document, tail = tensors.split(body, headers.get(tensors.HEADER_LENGTH))
    return parse(read_json(document), tail)


def answer(query: Query, predictions: Predictions) -> Answer:
    """The response; the tensors that were asked for so are bytes behind the JSON."""
    document = render(predictions, query.id)
    wanted = {output["name"]: output for output in query.outputs}
    if wanted:
        document["outputs"] = [output for output in document["outputs"] if output["name"] in wanted]
    tail = b""
    for output in document["outputs"]:
        if wanted.get(output["name"], {}).get("binary", query.columnar):
            content = tensors.pack(output["datatype"], output.pop("data"))
            output["parameters"] = {"binary_data_size": len(content)}
            tail += content
    made = json_answer(document)
    if tail:
        made.headers.append((tensors.HEADER_LENGTH, b"%d" % len(made.body)))
        made.content_type, made.body = b"application/octet-stream", made.body + tail
    return made


def parse(body: object, tail: bytes = b"") -> Query:
    """Read one tensor of shape `[n]` or `[n, 1]` a column; `parameters.decided_at` tells when the decisions are made.

    Args:
        body: the JSON.
        tail: the bytes of the tensors that have a `binary_data_size`, in their order.

    Raises:
        RequestError: a tensor is malformed or its data do not fill its shape.
    """
    document = require_object(body, "the body")
    parameters = optional_object(document, "parameters")
    columns: dict[str, Any] = {}
    place = 0
    for number, tensor in enumerate(require_records(document.get("inputs"), "inputs")):
        name = tensor.get("name")
        if not isinstance(name, str) or name in columns:
            raise RequestError(f"inputs[{number}] must have a name of its own", status=422)
        size = _binary_size(tensor, name)
        columns[name] = _data(dict(tensor), name, None if size is None else tail[place : place + size])
        place += size or 0
    if place != len(tail):
        raise RequestError(f"{len(tail)} bytes follow the JSON, the tensors announce {place}", status=422)
    return Query(
        records_of_columns(columns),
        parameters.get("decided_at"),
        columnar=parameters.get("binary_data_output") is True,
        id=_id(document),
        outputs=_outputs(document),
    )


def render(predictions: Predictions, request_id: str | None) -> dict[str, Any]:
    """Output tensors: `score`, `prediction_id`, `degraded` (a JSON list of feature names a row), perhaps `explored`."""
    rows = len(predictions.scores)
    degraded = [json.dumps(names) for names in predictions.degraded]
    document: dict[str, Any] = {
        "model_name": predictions.model_name,
        "model_version": str(predictions.model_version),
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [rows], "data": predictions.numbers()},
            {"name": "prediction_id", "datatype": "BYTES", "shape": [rows], "data": predictions.ids},
            {"name": "degraded", "datatype": "BYTES", "shape": [rows], "data": degraded},
        ],
    }
    if predictions.explored is not None:
        explored = {"name": "explored", "datatype": "BOOL", "shape": [rows], "data": predictions.explored}
        document["outputs"].append(explored)
    return document if request_id is None else {**document, "id": request_id}


def render_metadata(system: SystemSpec, versions: Iterable[int]) -> dict[str, Any]:
    """The model's inputs and outputs."""
    columns = system.decision_stream.columns
    return {
        "name": system.name,
        "versions": [str(version) for version in sorted(versions)],
        "platform": "onnx_onnxv1",
        "inputs": [_tensor(name, _DATATYPES[columns[name].type]) for name in system.decision.inputs],
        "outputs": [_tensor(name, datatype) for name, datatype in _outputs_of(system).items()],
    }


def render_server() -> dict[str, Any]:
    """The server's own metadata."""
    return {"name": "ai-patterns-inference", "version": "2", "extensions": ["binary_tensor_data"]}


def _tensor(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}


def _id(document: dict[str, Any]) -> str | None:
    name = document.get("id")
    if name is not None and not isinstance(name, str):
        raise RequestError("id must be a string", status=422)
    return name


def _outputs(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The outputs that are wanted, each with its name and whether it is wanted as bytes."""
    found, asked = [], document.get("outputs")
    for output in require_records([] if asked is None else asked, "outputs"):
        if output.get("name") not in [*_OUTPUTS]:
            raise RequestError(
                f"there is no output {output.get('name')!r}; there are {', '.join(_OUTPUTS)}", status=422
            )
        parameters = optional_object(output, "parameters")
        wanted = {"name": output["name"]}
        found.append(wanted | {"binary": True} if parameters.get("binary_data") is True else wanted)
    return found


def _binary_size(tensor: Mapping[str, Any], name: str) -> int | None:
    size = optional_object(tensor, "parameters").get("binary_data_size")
    if size is not None and (type(size) is not int or size < 0):
        raise RequestError(f"binary_data_size of the tensor {name!r} must be a number of bytes", status=422)
    return size


def _data(tensor: dict[str, Any], name: str, content: bytes | None) -> list[Any]:
    data, shape = tensor.get("data"), tensor.get("shape")
    if content is not None:
        data = tensors.unpack(tensor.get("datatype"), content, name)
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


def _outputs_of(system: SystemSpec) -> dict[str, str]:
    return {**_OUTPUTS, "explored": "BOOL"} if system.exploration else _OUTPUTS
