"""The ASGI application: predictions without a framework between, by msgspec and the batcher; all else by FastAPI."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from ai_patterns.errors import AIPatternsError
from ai_patterns.services.edge.lifespan import live
from ai_patterns.services.edge.one_write import whole_of
from ai_patterns.services.inference.guard import Headers, read_body
from ai_patterns.services.inference.protocols import mlflow, open_inference, tensorflow
from ai_patterns.services.inference.refusals import refusal
from ai_patterns.services.inference.requests import Answer, Predictions, Query, RequestError
from ai_patterns.services.inference.service import Service

_TENSORFLOW = re.compile(r"/v1/models/([^/]+?)(?:/versions/([^/]+?)|/labels/([^/]+?))?:(predict|classify|regress)")
_OPEN_INFERENCE = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")


log = logging.getLogger(__name__)


class Operation(NamedTuple):
    """How a path's requests are read and answered."""

    protocol: str
    parse: Callable[[bytes, Headers, Service], Query]
    render: Callable[[Query, Predictions], Answer]


class Target(NamedTuple):
    """What a path asks for."""

    operation: Operation
    name: str | None = None
    version: str | None = None
    label: str | None = None


OPERATIONS = {
    "invocations": Operation("mlflow", mlflow.read, mlflow.answer),
    "predict": Operation("tensorflow", tensorflow.read, tensorflow.answer),
    "classify": Operation("tensorflow", tensorflow.read_classify, tensorflow.answer_classify),
    "regress": Operation("tensorflow", tensorflow.read_regress, tensorflow.answer_regress),
    "infer": Operation("open_inference", open_inference.read, open_inference.answer),
}


def find_target(path: str) -> Target | None:
    """What a path asks for, None where it is no prediction's."""
    if path == "/invocations":
        return Target(OPERATIONS["invocations"])
    if found := _TENSORFLOW.fullmatch(path):
        name, version, label, verb = found.groups()
        return Target(OPERATIONS[verb], name, version, label)
    if found := _OPEN_INFERENCE.fullmatch(path):
        return Target(OPERATIONS["infer"], *found.groups())
    return None


class Edge:
    """Answers predictions, and leaves all other paths to an application that is made when the first one asks."""

    def __init__(self, service: Service) -> None:
        self._service, self._making = service, asyncio.Lock()
        self._rest: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the application's life."""
        if scope["type"] == "lifespan":
            await live(receive, send, self._start, self._stop)
            return
        target = find_target(scope["path"])
        if target is None:
            app = self._rest or await self._made()
            await app(scope, receive, send)
            return
        started = time.perf_counter()
        answer = await self._answer(scope, receive, target)
        self._service.metrics.count(target.operation.protocol, answer.status, time.perf_counter() - started)
        whole, headers = whole_of(scope), [(b"content-type", answer.content_type), *answer.headers]
        if answer.status != 200 or whole is None or not whole(200, headers, answer.body):
            headers.append((b"content-length", b"%d" % len(answer.body)))
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.body})

    async def _start(self) -> None:
        self._service.start()
        await asyncio.to_thread(self._service.look)

    async def _stop(self) -> None:
        await asyncio.to_thread(self._service.stop)

    async def _made(self) -> ASGIApp:
        async with self._making:
            if self._rest is None:
                self._rest = await asyncio.to_thread(_load_app, self._service)
            return self._rest

    async def _answer(self, scope: Scope, receive: Receive, target: Target) -> Answer:
        try:
            return await self._predict(scope, receive, target)
        except AIPatternsError as error:
            return refusal(error)
        except Exception as error:  # a fault of ours must not look like a closed connection
            log.exception("a prediction failed")
            return refusal(error)

    async def _predict(self, scope: Scope, receive: Receive, target: Target) -> Answer:
        service, headers = self._service, dict(scope["headers"])
        if scope["method"] != "POST":
            raise RequestError("predictions are asked for by POST", status=405)
        service.guard.admit_prediction(headers)
        settings = service.settings
        body = await read_body(receive, headers, max_bytes=settings.max_body_bytes, seconds=settings.body_seconds)
        model = service.find_model(target.name, target.version, target.label)
        query = target.operation.parse(body, headers, service)
        named = target.version is not None or target.label is not None
        predictions = await service.answer(query, model, named=named)
        service.metrics.count_rows(predictions)
        answer = target.operation.render(query, predictions)
        answer.headers.append((b"x-model-version", b"%d" % predictions.model_version))
        return answer


def _load_app(service: Service) -> ASGIApp:
    from ai_patterns.services.inference.app import create_app  # FastAPI, a fifth of what a first prediction waits for

    return create_app(service)
