"""The paths that operate the service."""

from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.features.service import RETRY_AFTER, Service

# No `from __future__ import annotations` here: FastAPI reads the annotations of routes made in a function.

AWAY: dict[int | str, dict[str, Any]] = {503: {"description": "The store is away; the problem is named."}}
TEXT = "text/plain; version=0.0.4; charset=utf-8"


def add_routes(app: FastAPI, service: Service) -> None:
    """Add health, readiness, freshness and metrics to the application."""

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/ready", responses=AWAY)
    @app.get("/v2/health/ready", responses=AWAY)
    async def ready(response: Response) -> dict[str, Any]:
        try:
            await service.catalog.probe()
        except ServiceUnavailableError as error:
            response.status_code, response.headers["Retry-After"] = 503, str(RETRY_AFTER)
            return {"ready": False, "problem": str(error)}
        return {"ready": True, "project": service.catalog.store.project}

    @app.get("/freshness")
    def freshness() -> dict[str, float]:
        return service.metrics.freshness()

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        return Response(service.metrics.text(), media_type=TEXT)
