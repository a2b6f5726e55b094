"""What is no prediction, by FastAPI: operations, the models' metadata, the API's description."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ai_patterns.errors import AIPatternsError
from ai_patterns.services.inference.contract import describe
from ai_patterns.services.inference.refusals import refusal
from ai_patterns.services.inference.requests import RequestError
from ai_patterns.services.inference.routes import add_routes
from ai_patterns.services.inference.service import Service


def create_app(service: Service) -> FastAPI:
    """All paths but those of predictions, which its description tells of too."""
    app = FastAPI(title="ai-patterns: inference", version="1")
    app.add_exception_handler(AIPatternsError, _handle)
    app.add_exception_handler(HTTPException, _handle_http)  # type: ignore[arg-type]  # Starlette asks for any error
    add_routes(app, service)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # how FastAPI has it extended
    return app


async def _handle(_: Request, error: Exception) -> Response:
    answer = refusal(error)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers, answer.content_type.decode())


async def _handle_http(request: Request, error: HTTPException) -> Response:
    """A path or method that there is not, in the form of all other refusals."""
    answer = await _handle(request, RequestError(error.detail, status=error.status_code))
    answer.headers.update(error.headers or {})
    return answer
