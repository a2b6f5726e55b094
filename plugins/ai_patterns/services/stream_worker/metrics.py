"""What Prometheus reads of the worker."""

from __future__ import annotations

import datetime as dt
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from ai_patterns.services.stream_worker.intake import Step


class Metrics:
    """Counters of one worker, each by stream."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        here: dict[str, Any] = {"namespace": "ai_patterns", "subsystem": "stream", "registry": self._registry}
        self.messages = Counter("messages", "Messages read.", ["stream"], **here)
        self.folded = Counter("folded_events", "Events folded into tiles.", ["stream"], **here)
        self.refused = Counter("refused_messages", "Messages that are no events of the stream.", ["stream"], **here)
        self.left_out = Counter("left_out_events", "Events that were there before, or too late.", ["stream"], **here)
        self.watermark = Gauge("watermark_seconds", "Latest known time folded, since 1970.", ["stream"], **here)
        self.freshness = Gauge("freshness_seconds", "Age of the newest event when it was folded.", ["stream"], **here)
        self.lag = Gauge("lag_messages", "Messages that wait in the topic.", ["stream"], **here)

    def count(self, stream: str, step: Step, now: dt.datetime) -> None:
        """Take one batch in."""
        self.messages.labels(stream).inc(step.messages)
        self.folded.labels(stream).inc(step.folded)
        self.refused.labels(stream).inc(step.refused)
        self.left_out.labels(stream).inc(step.left_out)
        if step.newest is not None:
            self.watermark.labels(stream).set(step.newest.timestamp())
            self.freshness.labels(stream).set((now - step.newest).total_seconds())

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return bytes(generate_latest(self._registry))
