"""The service's edge: routes, keys, errors and metrics around one `Predictor`."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from ai_patterns.errors import AIPatternsError, ServiceUnavailableError
from ai_patterns.services.inference.guard import BodyLimit, require_key
from ai_patterns.services.inference.metrics import Metrics
from ai_patterns.services.inference.predictor import Predictor
from ai_patterns.services.inference.protocols import mlflow, open_inference, tensorflow
from ai_patterns.services.inference.requests import Predictions, Query, RequestError
from ai_patterns.services.inference.settings import Settings

# No `from __future__ import annotations` here: FastAPI reads the annotations of routes made in a function.

RETRY_AFTER = "5"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


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
            response = _refusal(error)
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
    _add_operations(app, service)
    _add_mlflow(app, service)
    _add_tensorflow(app, service)
    _add_open_inference(app, service)
    return app


def _add_operations(app: FastAPI, service: Service) -> None:
    @app.get("/health")
    async def health() -> dict[str, Any]:
        prediction_log, champion = service.predictor.log, service.predictor.champion
        state = {
            "waiting": prediction_log.depth,
            "failures": prediction_log.failures,
            "problem": prediction_log.problem,
        }
        return {"status": "alive", "prediction_log": state, "champion": {"problem": champion.problem}}

    @app.get("/ready")
    def ready() -> dict[str, Any]:
        return {"status": "ready", "model": service.predictor.system.name, "model_version": service.check()}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=TEXT)

    @app.post("/admin/reload")
    def reload(request: Request) -> dict[str, int]:
        require_key(request, service.settings.api_key)
        return {"model_version": service.predictor.champion.refresh()}


def _add_mlflow(app: FastAPI, service: Service) -> None:
    def parse(body: Any) -> Query:
        if not isinstance(body, str):
            return mlflow.parse(body)
        query = mlflow.parse_csv(body)
        return Query(service.predictor.parser.from_text(query.records))

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        return await service.answer(request, "mlflow", parse, lambda _, found: mlflow.render(found))

    @app.get("/ping")
    def ping() -> Response:
        service.check()
        return Response()


def _add_tensorflow(app: FastAPI, service: Service) -> None:
    @app.post("/v1/models/{name}:predict")
    @app.post("/v1/models/{name}/versions/{version}:predict")
    async def predict(request: Request, name: str, version: int | None = None) -> Response:
        service.require_model(name, version)
        return await service.answer(
            request,
            "tensorflow",
            tensorflow.parse,
            lambda query, found: tensorflow.render(found, columnar=query.columnar),
        )

    @app.get("/v1/models/{name}/metadata")
    @app.get("/v1/models/{name}/versions/{version}/metadata")
    async def metadata(name: str, version: int | None = None) -> dict[str, Any]:
        return tensorflow.render_metadata(service.predictor.system, service.require_model(name, version))

    @app.get("/v1/models/{name}")
    @app.get("/v1/models/{name}/versions/{version}")
    async def status(name: str, version: int | None = None) -> dict[str, Any]:
        return tensorflow.render_status(service.require_model(name, version))


def _add_open_inference(app: FastAPI, service: Service) -> None:
    @app.get("/v2")
    async def server() -> dict[str, Any]:
        return open_inference.render_server()

    @app.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready")
    def ready() -> dict[str, bool]:
        return {"ready": bool(service.check())}

    @app.get("/v2/models/{name}/ready")
    @app.get("/v2/models/{name}/versions/{version}/ready")
    def model_ready(name: str, version: int | None = None) -> dict[str, Any]:
        service.require_model(name, version)
        return {"name": name, "ready": bool(service.check())}

    @app.get("/v2/models/{name}")
    @app.get("/v2/models/{name}/versions/{version}")
    async def model(name: str, version: int | None = None) -> dict[str, Any]:
        return open_inference.render_metadata(service.predictor.system, service.require_model(name, version))

    @app.post("/v2/models/{name}/infer")
    @app.post("/v2/models/{name}/versions/{version}/infer")
    async def infer(request: Request, name: str, version: int | None = None) -> Response:
        service.require_model(name, version)
        return await service.answer(
            request,
            "open_inference",
            open_inference.parse,
            lambda query, found: open_inference.render(found, query.id),
        )


async def _body(request: Request) -> Any:
    content = await request.body()
    try:
        text = content.decode("utf-8")
        return text if request.headers.get("content-type", "").startswith("text/csv") else json.loads(text)
    except ValueError as error:
        raise RequestError(f"the body is not valid: {error}", status=400) from None


async def _handle(_: Request, error: Exception) -> Response:
    return _refusal(error)


def _refusal(error: Exception) -> Response:
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
