"""The ASGI application: its life, its limits and its errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from ai_patterns.errors import AIPatternsError
from ai_patterns.services.inference.guard import BodyLimit
from ai_patterns.services.inference.routes import add_routes
from ai_patterns.services.inference.service import Service, refusal


def create_app(service: Service) -> FastAPI:
    """The ASGI application; starting it begins to follow the champion, stopping it empties the log."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.predictor.log.start()
        service.predictor.champion.start()
        yield
        await run_in_threadpool(service.predictor.champion.stop)
        await run_in_threadpool(service.predictor.log.close)

    app = FastAPI(title=f"{service.predictor.system.name}: inference", lifespan=lifespan)
    app.add_middleware(BodyLimit, max_bytes=service.settings.max_body_bytes)
    app.add_exception_handler(AIPatternsError, _handle)
    add_routes(app, service)
    return app


async def _handle(_: Request, error: Exception) -> Response:
    return refusal(error)
