"""The ASGI application: quick paths for the protocols, FastAPI for all else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp

from ai_patterns.services.edge.paths import QuickPaths
from ai_patterns.services.features.protocols import feast, tecton
from ai_patterns.services.features.routes import add_routes
from ai_patterns.services.features.service import Service

BODIES = {**feast.BODIES, **tecton.BODIES}
_REFUSALS = {
    400: "The body is not valid.",
    401: "The key is missing or wrong.",
    403: "The key may not change anything, or the service runs without one.",
    404: "There is no such feature, view or feature service.",
    405: "It is asked for by POST.",
    413: "The body is too large.",
    422: "A field is missing or wrong.",
    429: "The caller asks more often than it may.",
    503: "Not now: send the request again after `Retry-After` seconds.",
}


def create_app(service: Service) -> ASGIApp:
    """The application of one service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    rest = FastAPI(title="ai-patterns: features", version="1", lifespan=lifespan)
    add_routes(rest, service)
    rest.openapi = lambda: _openapi(rest)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    paths = {**feast.feast_paths(service), **tecton.tecton_paths(service)}
    settings = service.settings
    return QuickPaths(paths, rest, settings.callers, settings.max_body_bytes, service.metrics.count)


def _openapi(rest: FastAPI) -> dict[str, Any]:
    """FastAPI's document with the quick paths, whose bodies msgspec describes."""
    if rest.openapi_schema is None:
        document = get_openapi(title=rest.title, version=rest.version, routes=rest.routes)
        schemas, components = msgspec.json.schema_components(
            BODIES.values(), ref_template="#/components/schemas/{name}"
        )
        components |= {"FeastRefusal": feast.REFUSAL, "TectonRefusal": tecton.REFUSAL}
        document.setdefault("components", {}).setdefault("schemas", {}).update(components)
        for path, schema in zip(BODIES, schemas, strict=True):
            refusal = _json({"$ref": f"#/components/schemas/{'Feast' if path in feast.BODIES else 'Tecton'}Refusal"})
            refused = {str(status): {"description": text, **refusal} for status, text in _REFUSALS.items()}
            responses = {"200": {"description": "OK"}} | refused
            document["paths"][path] = {
                "post": {"requestBody": {"required": True, **_json(schema)}, "responses": responses}
            }
        rest.openapi_schema = document
    return rest.openapi_schema


def _json(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}
