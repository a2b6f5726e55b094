"""One predictor behind the edge: authenticate, parse, predict, render, count."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ai_patterns.errors import AIPatternsError, ServiceUnavailableError
from ai_patterns.services.inference.guard import require_key
from ai_patterns.services.inference.metrics import Metrics
from ai_patterns.services.inference.predictor import Predictor
from ai_patterns.services.inference.requests import Predictions, Query, RequestError
from ai_patterns.services.inference.settings import Settings

RETRY_AFTER = "5"


class Service:
    """One predictor and what is counted about it."""

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self.predictor, self.settings = predictor, settings
        self.metrics = Metrics(self._version, lambda: predictor.log.depth, lambda: predictor.log.failures)

    def check(self) -> int:
        """The version that answers, if model and store are there."""
        version = self.predictor.champion.current().version
        self.predictor.features.check()
        return version

    async def answer(
        self,
        request: Request,
        protocol: str,
        parse: Callable[[Any], Query],
        render: Callable[[Query, Predictions], Any],
    ) -> Response:
        """Authenticate, parse, predict and render one request, and count it."""
        started, status = time.perf_counter(), 500
        try:
            response = await self._predict(request, parse, render)
            status = response.status_code
        except AIPatternsError as error:
            response = refusal(error)
            status = response.status_code
        finally:
            self.metrics.requests.labels(protocol, str(status)).inc()
            self.metrics.latency.labels(protocol).observe(time.perf_counter() - started)
        return response

    async def _predict(
        self, request: Request, parse: Callable[[Any], Query], render: Callable[[Query, Predictions], Any]
    ) -> Response:
        if self.settings.api_key is not None and not self.settings.open_predictions:
            require_key(request, self.settings.api_key)
        query = parse(await _body(request))
        predictions = await run_in_threadpool(self.predictor.predict, query)
        self.metrics.predictions.labels(str(predictions.model_version)).inc(len(predictions.ids))
        self.metrics.degraded.inc(sum(bool(names) for names in predictions.degraded))
        headers = {"X-Model-Version": str(predictions.model_version)}
        return JSONResponse(render(query, predictions), headers=headers)

    def require_model(self, name: str, version: int | None = None) -> int:
        """The served version, if the path names this model and no other version of it."""
        current = self.predictor.champion.current().version
        if name != self.predictor.system.name:
            served = self.predictor.system.name
            raise RequestError(f"there is no model {name!r}; this service serves {served!r}", status=404)
        if version not in {None, current}:
            raise RequestError(f"version {version} of {name!r} is not served; version {current} is", status=404)
        return current

    def _version(self) -> int:
        try:
            return self.predictor.champion.current().version
        except ServiceUnavailableError:
            return 0


async def _body(request: Request) -> Any:
    content = await request.body()
    try:
        text = content.decode("utf-8")
        return text if request.headers.get("content-type", "").startswith("text/csv") else json.loads(text)
    except ValueError as error:
        raise RequestError(f"the body is not valid: {error}", status=400) from None


def refusal(error: Exception) -> Response:
    """An error in a form that the clients of all three protocols read."""
    body: dict[str, Any] = {"error": str(error), "error_code": _code(error), "message": str(error)}
    if isinstance(error, RequestError):
        body["detail"] = error.details or str(error)
        return JSONResponse(body, status_code=error.status)
    body |= {"conn_id": getattr(error, "conn_id", None), "detail": str(error)}
    return JSONResponse(body, status_code=503, headers={"Retry-After": RETRY_AFTER})


def _code(error: Exception) -> str:
    if not isinstance(error, RequestError):
        return "TEMPORARILY_UNAVAILABLE"
    return {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST"}.get(
        error.status, "BAD_REQUEST"
    )
