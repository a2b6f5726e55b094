"""Every path of the service and the function that answers it."""

from typing import Any

from fastapi import FastAPI, Request, Response

from ai_patterns.services.inference.guard import require_key
from ai_patterns.services.inference.protocols import mlflow, open_inference, tensorflow
from ai_patterns.services.inference.requests import Query
from ai_patterns.services.inference.service import Service

# No `from __future__ import annotations` here: FastAPI reads the annotations of routes made in a function.

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the operations and the three protocols to the application."""
    _add_operations(app, service)
    _add_mlflow(app, service)
    _add_tensorflow(app, service)
    _add_open_inference(app, service)


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
