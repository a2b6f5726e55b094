"""The ASGI application: its life, its errors, and the edge before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from ai_patterns.errors import AIPatternsError
from ai_patterns.services.inference.contract import describe
from ai_patterns.services.inference.edge import Edge
from ai_patterns.services.inference.refusals import refusal
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
    add_routes(app, service)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # how FastAPI has it extended
    return Edge(app, service)


async def _handle(_: Request, error: Exception) -> Response:
    answer = refusal(error)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers, answer.content_type.decode())
