"""The ASGI application: its life, its errors, and the edge before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from ai_patterns.errors import AIPatternsError
from ai_patterns.services.inference.contract import describe
from ai_patterns.services.inference.edge import Edge
from ai_patterns.services.inference.refusals import refusal
from ai_patterns.services.inference.requests import RequestError
from ai_patterns.services.inference.routes import add_routes
from ai_patterns.services.inference.service import Service


def create_app(service: Service) -> Edge:
    """The ASGI application; starting it begins to follow the champion, stopping it empties the log."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        await run_in_threadpool(service.look)
        yield
        await run_in_threadpool(service.stop)

    app = FastAPI(title="ai-patterns: inference", version="1", lifespan=lifespan)
    app.add_exception_handler(AIPatternsError, _handle)
    app.add_exception_handler(HTTPException, _handle_http)  # type: ignore[arg-type]  # Starlette asks for any error
    add_routes(app, service)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # how FastAPI has it extended
    return Edge(app, service)


async def _handle(_: Request, error: Exception) -> Response:
    answer = refusal(error)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers, answer.content_type.decode())


async def _handle_http(request: Request, error: HTTPException) -> Response:
    """A path or method that there is not, in the form of all other refusals."""
    answer = await _handle(request, RequestError(error.detail, status=error.status_code))
    answer.headers.update(error.headers or {})
    return answer
