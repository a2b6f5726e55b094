"""Tecton's feature server: `get-features`, `get-features-batch` and `metadata` of a feature service.

Source: https://docs.tecton.ai/http-api. Names may be in camelCase or snake_case, as Protocol Buffers' JSON allows;
64-bit integers are strings of their digits, both ways.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from feast.errors import FeastError

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.edge.errors import RequestError
from ai_patterns.services.edge.paths import QuickPath, Reply
from ai_patterns.services.features.answers import NO_TIME, PRESENT, Answer, Column
from ai_patterns.services.features.service import RETRY_AFTER, Service
from ai_patterns.services.features.shapes import DataType, Feature, Shape

NAME = "tecton"
ROOT = "/api/v1/feature-service"

_CODES = {400: 3, 404: 5, 403: 7, 429: 8, 405: 12, 503: 14, 401: 16}
"""gRPC's code of each status, which Tecton's errors carry."""


class MetadataOptions(msgspec.Struct, rename="camel"):
    """What else the answer tells."""

    include_names: bool = False
    include_data_types: bool = False
    include_effective_times: bool = False
    include_slo_info: bool = False
    include_serving_status: bool = False
    include_feature_descriptions: bool = False
    include_feature_tags: bool = False


class RowRequest(msgspec.Struct, rename="camel"):
    """One row."""

    join_key_map: dict[str, Any] = {}
    request_context_map: dict[str, Any] = {}


class Parameters(msgspec.Struct, rename="camel"):
    """What is asked of a feature service; `request_data` holds the rows of a batch."""

    feature_service_name: str
    workspace_name: str | None = None
    join_key_map: dict[str, Any] = {}
    request_context_map: dict[str, Any] = {}
    request_data: list[RowRequest] = []
    metadata_options: MetadataOptions = msgspec.field(default_factory=MetadataOptions)


class FeaturesRequest(msgspec.Struct):
    """A request's body."""

    params: Parameters


BODIES: dict[str, type[msgspec.Struct]] = dict.fromkeys(
    (f"{ROOT}/get-features", f"{ROOT}/get-features-batch", f"{ROOT}/metadata"), FeaturesRequest
)
"""What each path takes."""

REFUSAL = {
    "type": "object",
    "required": ["error", "message", "code"],
    "properties": {"error": {"type": "string"}, "message": {"type": "string"}, "code": {"type": "integer"}},
}
"""The form of its errors."""

_encode = msgspec.json.Encoder().encode


def tecton_paths(service: Service) -> dict[str, QuickPath]:
    """The protocol's paths."""

    async def one(body: bytes) -> Reply:
        asked = _parameters(body)
        rows = [RowRequest(asked.join_key_map, asked.request_context_map)]
        result, metadata = await _ask(service, asked, rows, batch=False)
        return Reply(_encode({"result": result[0], **metadata}))

    async def batch(body: bytes) -> Reply:
        asked = _parameters(body)
        if not asked.request_data:
            raise RequestError("params.requestData must hold at least one row", status=400)
        result, metadata = await _ask(service, asked, asked.request_data, batch=True)
        return Reply(_encode({"result": result, **metadata}))

    async def metadata(body: bytes) -> Reply:
        return Reply(_encode(_describe(_shape(service, _parameters(body)))))

    answers = {"get-features": one, "get-features-batch": batch, "metadata": metadata}
    return {f"{ROOT}/{name}": QuickPath(NAME, answer, refuse) for name, answer in answers.items()}


def _parameters(body: bytes) -> Parameters:
    return msgspec.convert(_camel(msgspec.json.decode(body)), FeaturesRequest).params


def _camel(document: Any) -> Any:
    """Names of the protocol in camelCase; the maps' own names stay."""
    if isinstance(document, list):
        return [_camel(item) for item in document]
    if not isinstance(document, dict):
        return document
    named = {_camel_name(name): value for name, value in document.items()}
    return {name: value if name.endswith("Map") else _camel(value) for name, value in named.items()}


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _shape(service: Service, asked: Parameters) -> Shape:
    project = service.catalog.store.project
    if asked.workspace_name not in {None, project}:
        raise RequestError(f"there is no workspace {asked.workspace_name!r} here, only {project!r}", status=404)
    return service.shape(asked.feature_service_name)


async def _ask(
    service: Service, asked: Parameters, rows: Sequence[RowRequest], *, batch: bool
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows' features, and `metadata` where it was asked for."""
    started = time.perf_counter()
    shape, options = _shape(service, asked), asked.metadata_options
    entities = {
        **{name: _given(name, kind, [row.join_key_map for row in rows]) for name, kind in shape.join_keys.items()},
        **{name: _given(name, kind, [row.request_context_map for row in rows]) for name, kind in shape.context.items()},
    } or {"no_key": [0] * len(rows)}
    answer = await service.answer(asked.feature_service_name, entities, full_names=True)
    columns = _columns(answer, shape)
    values = [_plain(column.values, item.kind) for item, column in zip(shape.features, columns, strict=True)]
    result = [{"features": list(row)} for row in zip(*values, strict=True)]
    metadata: dict[str, Any] = {}
    items = [_item(item, column, options, batch) for item, column in zip(shape.features, columns, strict=True)]
    if any(items):
        metadata["features"] = items
    if options.include_slo_info:
        metadata |= _slo(time.perf_counter() - started, len(rows), batch)
    return result, {"metadata": metadata} if metadata else {}


def _given(name: str, kind: DataType, maps: Sequence[Mapping[str, Any]]) -> list[Any]:
    """A column of the request; integers are read from their digits."""
    if not all(name in row for row in maps):
        raise RequestError(f"the request lacks {name!r}", status=400)
    values = [row[name] for row in maps]
    if kind["type"] != "int64":
        return values
    try:
        return [int(value) if isinstance(value, str) else value for value in values]
    except ValueError as error:
        raise RequestError(f"{name}: {error}", status=400) from None


def _columns(answer: Answer, shape: Shape) -> list[Column]:
    named = dict(zip(answer.names, answer.columns, strict=True))
    return [named[item.column] for item in shape.features]


def _plain(values: Sequence[Any], kind: DataType) -> Sequence[Any]:
    if kind["type"] == "array":
        return [None if value is None else _plain(value, kind["elementType"]) for value in values]
    return [None if value is None else str(value) for value in values] if kind["type"] == "int64" else values


def _item(item: Feature, column: Column, options: MetadataOptions, batch: bool) -> dict[str, Any]:
    """What is told of one feature; of a batch, the oldest of the rows' times."""
    told: dict[str, Any] = {}
    if options.include_names:
        told["name"] = item.name
    if options.include_data_types:
        told["dataType"] = item.kind
    if options.include_effective_times:
        times = [moment for moment in column.event_timestamps if moment != NO_TIME]
        told["effectiveTime"] = min(times) if times else None
    if options.include_serving_status:
        statuses = ["PRESENT" if status == PRESENT else "MISSING_DATA" for status in column.statuses]
        told["status"] = statuses if batch else statuses[0]
    if options.include_feature_descriptions:
        told["description"] = item.description
    if options.include_feature_tags:
        told["tags"] = dict(item.tags)
    return told


def _slo(seconds: float, rows: int, batch: bool) -> dict[str, Any]:
    told = {"sloEligible": True, "sloServerTimeSeconds": seconds, "serverTimeSeconds": seconds}
    return {"sloInfo": [told] * rows, "batchSloInfo": told} if batch else {"sloInfo": told}


def _describe(shape: Shape) -> dict[str, Any]:
    return {
        "featureServiceType": "DEFAULT",
        "inputJoinKeys": [{"name": name, "dataType": kind} for name, kind in shape.join_keys.items()],
        "inputRequestContextKeys": [{"name": name, "dataType": kind} for name, kind in shape.context.items()],
        "featureValues": [{"name": item.name, "dataType": item.kind} for item in shape.features],
    }


def refuse(error: Exception) -> Reply:
    """An error in Tecton's form: `error`, `message` and gRPC's code."""
    retry_after = None
    if isinstance(error, FeastError):
        status, text = int(error.http_status_code()), str(error)
    elif isinstance(error, msgspec.DecodeError):
        status, text = 400, f"the body is not valid: {error}"
    elif isinstance(error, RequestError):
        status, text, retry_after = 400 if error.status == 422 else error.status, str(error), error.retry_after
    elif isinstance(error, ServiceUnavailableError):
        status, text, retry_after = 503, str(error), RETRY_AFTER
    else:
        status, text = 500, "the service failed; its log tells why"
    return Reply(_encode({"error": text, "message": text, "code": _CODES.get(status, 13)}), status, retry_after)
