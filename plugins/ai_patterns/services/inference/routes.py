"""Every path of the service and the function that answers it."""

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from ai_patterns.services.inference.contract import refusals
from ai_patterns.services.inference.protocols import open_inference, tensorflow
from ai_patterns.services.inference.service import Service

# No `from __future__ import annotations` here: FastAPI reads the annotations of routes made in a function.

TEXT = "text/plain; version=0.0.4; charset=utf-8"


_OPERATIONS: dict[str, Any] = {"tags": ["operations"], "responses": refusals(503)}
_TENSORFLOW: dict[str, Any] = {"tags": ["TensorFlow Serving"], "responses": refusals(404, 503)}
_OPEN_INFERENCE: dict[str, Any] = {"tags": ["Open Inference 2"], "responses": refusals(404, 503)}


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the operations and the three protocols to the application."""
    _add_operations(app, service)
    _add_mlflow(app, service)
    _add_tensorflow(app, service)
    _add_open_inference(app, service)


def _add_operations(app: FastAPI, service: Service) -> None:
    @app.get("/health", tags=["operations"])
    async def health() -> dict[str, Any]:
        prediction_log, champion = service.predictor.log, service.predictor.champion
        state = {
            "waiting": prediction_log.depth,
            "failures": prediction_log.failures,
            "problem": prediction_log.problem,
        }
        return {"status": "alive", "prediction_log": state, "champion": {"problem": champion.problem}}

    @app.get("/ready", **_OPERATIONS)
    def ready() -> dict[str, Any]:
        return {"status": "ready", "model": service.predictor.system.name, "model_version": service.check()}

    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=TEXT)

    @app.post("/admin/reload", tags=["operations"], responses=refusals(401, 403, 503))
    def reload(request: Request) -> dict[str, int]:
        service.guard.admit_change(dict(request.headers.raw))
        version = service.predictor.champion.refresh()
        service.rollouts.refresh()
        return {"model_version": version}

    @app.get("/admin/rollouts/{sequence}", tags=["operations"], responses=refusals(401, 403, 503))
    def rollout(request: Request, sequence: int) -> dict[str, Any]:
        service.guard.admit_change(dict(request.headers.raw))
        counts = asdict(service.rollouts.counts(sequence))
        return {"sequence": sequence, "problem": service.rollouts.problem, "counts": counts}


def _add_mlflow(app: FastAPI, service: Service) -> None:
    @app.get("/ping", tags=["MLflow"], response_class=Response, responses=refusals(503))
    def ping() -> Response:
        service.check()
        return Response()


def _add_tensorflow(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models/{name}/metadata", **_TENSORFLOW)
    @app.get("/v1/models/{name}/versions/{version}/metadata", **_TENSORFLOW)
    @app.get("/v1/models/{name}/labels/{label}/metadata", **_TENSORFLOW)
    async def metadata(name: str, version: str | None = None, label: str | None = None) -> dict[str, Any]:
        model = service.find_model(name, version, label)
        return tensorflow.render_metadata(service.predictor.system, model.version)

    @app.get("/v1/models/{name}", **_TENSORFLOW)
    async def statuses(name: str) -> dict[str, Any]:
        service.find_model(name)
        return tensorflow.render_status(service.predictor.champion.served().versions)

    @app.get("/v1/models/{name}/versions/{version}", **_TENSORFLOW)
    @app.get("/v1/models/{name}/labels/{label}", **_TENSORFLOW)
    async def status(name: str, version: str | None = None, label: str | None = None) -> dict[str, Any]:
        return tensorflow.render_status([service.find_model(name, version, label).version])


def _add_open_inference(app: FastAPI, service: Service) -> None:
    @app.get("/v2", **_OPEN_INFERENCE)
    async def server() -> dict[str, Any]:
        return open_inference.render_server()

    @app.get("/v2/health/live", **_OPEN_INFERENCE)
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready", **_OPEN_INFERENCE)
    def ready() -> dict[str, bool]:
        return {"ready": bool(service.check())}

    @app.get("/v2/models/{name}/ready", **_OPEN_INFERENCE)
    @app.get("/v2/models/{name}/versions/{version}/ready", **_OPEN_INFERENCE)
    def model_ready(name: str, version: str | None = None) -> dict[str, Any]:
        service.find_model(name, version)
        return {"name": name, "ready": bool(service.check())}

    @app.get("/v2/models/{name}", **_OPEN_INFERENCE)
    @app.get("/v2/models/{name}/versions/{version}", **_OPEN_INFERENCE)
    async def model(name: str, version: str | None = None) -> dict[str, Any]:
        service.find_model(name, version)
        return open_inference.render_metadata(service.predictor.system, service.predictor.champion.served().versions)
