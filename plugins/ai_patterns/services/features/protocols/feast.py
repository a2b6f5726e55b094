"""Feast's feature server (0.67): `/get-online-features`, `/push`, `/write-to-online-store`, and its errors."""

from __future__ import annotations

from typing import Any

import msgspec
from feast.errors import FeastError

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.edge.errors import RequestError
from ai_patterns.services.edge.paths import QuickPath, Reply
from ai_patterns.services.features.service import RETRY_AFTER, Service
from ai_patterns.services.features.writing import Push, Write

NAME = "feast"


class OnlineRequest(msgspec.Struct):
    """The body of `/get-online-features`; `feature_service` may name a set of the system's spec."""

    entities: dict[str, list[Any]]
    feature_service: str | None = None
    features: list[str] = []
    full_feature_names: bool = False
    include_feature_view_version_metadata: bool = False


BODIES: dict[str, type[msgspec.Struct]] = {
    "/get-online-features": OnlineRequest,
    "/push": Push,
    "/write-to-online-store": Write,
}
"""What each path takes."""

REFUSAL = {"anyOf": [{"type": "object", "required": ["detail"], "properties": {"detail": {}}}, {"type": "string"}]}
"""The form of its errors: a detail, or the JSON of one of Feast's own errors as a string."""

_encode = msgspec.json.Encoder().encode


def feast_paths(service: Service) -> dict[str, QuickPath]:
    """The protocol's paths."""
    online = msgspec.json.Decoder(OnlineRequest)
    push, write = msgspec.json.Decoder(Push), msgspec.json.Decoder(Write)

    async def get_online_features(body: bytes) -> Reply:
        return Reply(await _online(service, online.decode(body)))

    async def pushed(body: bytes) -> Reply:
        await service.writer.push(push.decode(body))
        return Reply(b"")

    async def written(body: bytes) -> Reply:
        await service.writer.write(write.decode(body))
        return Reply(b"null")

    return {
        "/get-online-features": QuickPath(NAME, get_online_features, refuse),
        "/push": QuickPath(NAME, pushed, refuse, write=True),
        "/write-to-online-store": QuickPath(NAME, written, refuse, write=True),
    }


async def _online(service: Service, request: OnlineRequest) -> bytes:
    features = request.feature_service or request.features
    answer = await service.answer(features, request.entities, request.full_feature_names)
    metadata: dict[str, Any] = {"feature_names": answer.names}
    if request.include_feature_view_version_metadata:
        metadata["feature_view_metadata"] = service.catalog.versions(features)
    return _encode({"results": answer.columns, "metadata": metadata})


def refuse(error: Exception) -> Reply:
    """An error as Feast's server gives it; Feast's clients raise a `FeastError` again from its detail."""
    if isinstance(error, FeastError):
        return Reply(_encode(error.to_error_detail()), int(error.http_status_code()))
    if isinstance(error, msgspec.DecodeError):  # the parent of ValidationError
        status = 422 if isinstance(error, msgspec.ValidationError) else 400
        return Reply(_encode({"detail": f"the body is not valid: {error}"}), status)
    if isinstance(error, RequestError):
        return Reply(_encode({"detail": str(error)}), error.status, error.retry_after)
    if isinstance(error, ServiceUnavailableError):
        return Reply(_encode({"detail": str(error)}), 503, RETRY_AFTER)
    return Reply(_encode({"detail": "the service failed; its log tells why"}), 500)
