"""The ASGI application: labels by a quick path, FastAPI for all else."""

from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.edge.paths import QuickPaths
from ai_patterns.services.feedback.service import PATH, RETRY_AFTER, FeedbackService, Labels, Landed, Problem
from ai_patterns.services.feedback.settings import Settings

# No `from __future__ import annotations` here: FastAPI reads the annotations of routes made in a function.

AWAY: dict[int | str, dict[str, Any]] = {503: {"description": "The lake is away; the problem is named."}}
TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PROBLEMS = {
    401: "The key is missing or wrong.",
    403: "The service runs without a key, so nobody may send labels.",
    405: "Labels are sent by POST.",
    413: "The body is too large.",
    422: "The body is no list of labels.",
    429: "The caller asks more often than it may.",
    503: "The lake is away: send the same labels again after `Retry-After` seconds.",
}


def create_app(service: FeedbackService, settings: Settings) -> ASGIApp:
    """The application of one service."""
    rest = FastAPI(title="ai-patterns: feedback", version="1")
    _add_routes(rest, service)
    rest.openapi = lambda: describe(rest)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return QuickPaths({PATH: service.path()}, rest, settings.callers, settings.max_body_bytes, service.count)


def describe(rest: FastAPI) -> dict[str, Any]:
    """The whole OpenAPI document."""
    if rest.openapi_schema is None:
        document = get_openapi(title=rest.title, version=rest.version, routes=rest.routes)
        (taken, told, problem), components = msgspec.json.schema_components(
            (Labels, Landed, Problem), ref_template="#/components/schemas/{name}"
        )
        document.setdefault("components", {}).setdefault("schemas", {}).update(components)
        answers = {"200": _content(told, "Every label is in the lake, or in quarantine with its reason.")}
        answers |= {str(status): _content(problem, text) for status, text in _PROBLEMS.items()}
        body = {**_content(taken, "Labels of predictions."), "required": True}
        document["paths"][PATH] = {"post": {"summary": "Land labels", "requestBody": body, "responses": answers}}
        rest.openapi_schema = document
    return rest.openapi_schema


def _content(schema: Any, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _add_routes(app: FastAPI, service: FeedbackService) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/ready", responses=AWAY)
    def ready(response: Response) -> dict[str, Any]:
        try:
            service.probe()
        except ServiceUnavailableError as error:
            response.status_code, response.headers["Retry-After"] = 503, str(RETRY_AFTER)
            return {"ready": False, "problem": str(error)}
        return {"ready": True}

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        return Response(service.metrics(), media_type=TEXT)
