"""Labels come in over HTTP and land in the lake, one commit at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.edge.errors import RequestError
from ai_patterns.services.edge.paths import QuickPath, Reply

PATH = "/labels"
RETRY_AFTER = 1


class Refused(msgspec.Struct):
    """A label that waits in quarantine: its place among the rows, the field at fault and why."""

    row: int
    column: str
    reason: str


class Landed(msgspec.Struct):
    """What became of the labels: first ones, corrections, repeated ones, and refused rows."""

    landed: int
    corrected: int
    repeated: int
    refused: list[Refused]


class Labels(msgspec.Struct):
    """Labels, each with `label`, perhaps `observed_at`, and `prediction_id` or the decision's key."""

    labels: list[dict[str, Any]]


class Problem(msgspec.Struct):
    """What is wrong with the request."""

    detail: str


class Summary(Protocol):
    """What landing tells; see `ai_patterns.jobs.labels.LabelSummary`."""

    @property
    def landed(self) -> int:
        """First labels of their decisions."""

    @property
    def corrected(self) -> int:
        """Labels that replace an earlier one."""

    @property
    def repeated(self) -> int:
        """Labels that said nothing new."""

    @property
    def refused(self) -> Sequence[Any]:
        """The refused rows, each with `row`, `column` and `reason`."""


class FeedbackService:
    """The service's parts.

    Args:
        land: lands rows, each once however often it is sent.
        probe: raises where the lake is away.
    """

    def __init__(self, land: Callable[[Sequence[Any]], Summary], probe: Callable[[], object]) -> None:
        self._land, self.probe = land, probe
        self._alone = threading.Lock()
        self._registry = CollectorRegistry()
        here: dict[str, Any] = {"namespace": "ai_patterns", "subsystem": "feedback", "registry": self._registry}
        self._requests = Counter("requests", "Requests answered.", ["status"], **here)
        self._latency = Histogram("latency_seconds", "Time to answer.", **here)
        self._labels = Counter("labels", "Labels by what became of them.", ["outcome"], **here)

    def path(self) -> QuickPath:
        """What answers `POST /labels`."""
        return QuickPath("labels", self.answer, refuse, write=True)

    async def answer(self, body: bytes) -> Reply:
        """Land the labels of a request; they are in the lake once it is answered.

        Raises:
            RequestError: the body is no list of labels.
            ServiceUnavailableError: the lake is away, or another writer came first again and again.
        """
        try:
            labels = msgspec.json.decode(body, type=Labels).labels
        except msgspec.DecodeError as error:
            raise RequestError(f'{error}; send {{"labels": [{{"prediction_id": ..., "label": ...}}]}}') from None
        done = await asyncio.to_thread(self._land_alone, labels)
        refused = [Refused(item.row, item.column, item.reason) for item in done.refused]
        counts = {"landed": done.landed, "corrected": done.corrected, "repeated": done.repeated}
        for outcome, count in {**counts, "refused": len(refused)}.items():
            self._labels.labels(outcome).inc(count)
        return Reply(msgspec.json.encode(Landed(**counts, refused=refused)))

    def count(self, _: str, status: int, seconds: float) -> None:
        """Take one answer into the metrics."""
        self._requests.labels(str(status)).inc()
        self._latency.observe(seconds)

    def metrics(self) -> bytes:
        """All of it in Prometheus's text format."""
        return bytes(generate_latest(self._registry))

    def _land_alone(self, labels: Sequence[Any]) -> Summary:
        with self._alone:  # two commits of one process would only make each other try again
            return self._land(labels)


def refuse(error: Exception) -> Reply:
    """The answer to a request that failed."""
    if isinstance(error, RequestError):
        return Reply(msgspec.json.encode(Problem(error.problem)), error.status, error.retry_after)
    if isinstance(error, ServiceUnavailableError):
        return Reply(msgspec.json.encode(Problem(str(error))), 503, RETRY_AFTER)
    return Reply(msgspec.json.encode(Problem("the service failed; its log tells why")), 500)
