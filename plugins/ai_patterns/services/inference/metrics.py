"""What Prometheus reads of the service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ai_patterns.services.inference.requests import Predictions

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Counters of one service.

    Args:
        version: the model version that answers, 0 before the first.
        queued: predictions that are not logged yet.
        failures: writes of the log that failed.
        refused: rows for which the log had no room.
        rollout: tells of the rollout that is on.
    """

    def __init__(
        self,
        version: Callable[[], int],
        queued: Callable[[], int],
        failures: Callable[[], int],
        refused: Callable[[], int],
        rollout: Collector,
    ) -> None:
        self._registry = CollectorRegistry()
        here: dict[str, Any] = {"namespace": "ai_patterns", "subsystem": "inference", "registry": self._registry}
        self.requests = Counter("requests", "Requests answered.", ["protocol", "status"], **here)
        self.latency = Histogram("latency_seconds", "Time to answer.", ["protocol"], buckets=_BUCKETS, **here)
        self.predictions = Counter("predictions", "Rows scored.", ["version"], **here)
        self.degraded = Counter("degraded_rows", "Rows for which a default stood in.", **here)
        # Looking a label up takes longer than counting.
        self._requests = cache(lambda protocol, status: self.requests.labels(protocol, str(status)))
        self._latency = cache(self.latency.labels)
        self._rows = cache(lambda version: self.predictions.labels(str(version)))
        self._gauges = CollectorRegistry()
        self._gauges.register(_Gauges(version, queued, failures, refused))
        self._gauges.register(rollout)

    def count(self, protocol: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests(protocol, status).inc()
        self._latency(protocol).observe(seconds)

    def count_rows(self, predictions: Predictions) -> None:
        """Count the rows of an answer."""
        self._rows(predictions.model_version).inc(len(predictions.ids))
        if any(predictions.degraded):
            self.degraded.inc(sum(map(bool, predictions.degraded)))

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        counted = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # counters and times of all workers; the gauges are this one's
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # the library's
        return bytes(generate_latest(counted) + generate_latest(self._gauges))


class _Gauges(Collector):
    """What is read when it is asked for."""

    def __init__(self, *reads: Callable[[], int]) -> None:
        told = (
            ("model_version", "Version that answers."),
            ("log_queue_rows", "Predictions that wait to be logged."),
            ("log_failures", "Writes of the prediction log that failed and are tried again."),
            ("log_refused_rows", "Rows, a shadow's too, for which the prediction log had no room."),
        )
        self._found = [(*texts, read) for texts, read in zip(told, reads, strict=True)]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, text, read in self._found:
            yield GaugeMetricFamily(f"ai_patterns_inference_{name}", text, value=read())
