"""The demo's live phase: one day sent through a real Kafka while predictions are served."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ai_patterns.clients.home import Home
from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.history import Event, read_history, send
from ai_patterns.jobs.layers import read_landed, read_layers
from ai_patterns.jobs.parity import check_parity
from ai_patterns.jobs.parity_view import read_shares
from ai_patterns.jobs.training_set import read_decisions
from ai_patterns.runtimes.kafka import Kafka
from ai_patterns.spec.system import SystemSpec
from demo.journal import Journal
from demo.scenario import plain_rows
from demo.service import predict, service

DAY = "2013-04-29"
BEFORE = "2013-04-28"
FOLD_SECONDS = 60
LOG_SECONDS = 30


@contextmanager
def stream_worker(home: Home, system_folder: Path, kafka: Kafka, port: int, log: Path) -> Iterator[str]:
    """A stream worker as a process of its own; its URL."""
    flags = {
        "--system-folder": system_folder,
        "--kafka": kafka.address,
        "--tiles": home.tiles_of(home.features / system_folder.name),
        "--port": port,
    }
    command = ["ai_patterns.services.stream_worker", *(str(text) for flag in flags.items() for text in flag)]
    with service("the stream worker", command, port, "/health", log) as url:
        yield url


@dataclass
class LiveDay:
    """One day of the system, hour by hour.

    Attributes:
        journal: runs the DAGs.
        system: the system.
        lake: its lake.
        broker: the cluster.
        worker: URL of the stream worker.
        inference: URL of the inference service.
    """

    journal: Journal
    system: SystemSpec
    lake: Lake
    broker: Broker
    worker: str
    inference: str
    _waits: list[float] = field(default_factory=list)
    _sent: int = 0
    _predictions: int = 0

    def live(self) -> dict[str, Any]:
        """Live through the day; what the summary tells of it."""
        day = Days.parse(DAY)
        events = read_history(self.system, day)
        hours = self._hours(day)
        done = self._send(events, 0, min(hours))
        # From its first run on, the batch layer serves what became known before its boundary, the tiles all after it.
        self.journal.run("lambda_architecture", BEFORE, as_of=day.start.isoformat())
        for instant, rows in hours.items():
            done = self._send(events, done, instant)
            self._predict(instant, rows)
        self._send(events, done, day.end)
        print(f"{self._sent:,} messages sent, {self._predictions} predictions in {len(hours)} hours", flush=True)
        self.journal.run("stream_processing", DAY)
        self.journal.run("lambda_architecture", DAY, as_of=day.end.isoformat())
        return self._summary(day)

    def _hours(self, day: Days) -> dict[dt.datetime, list[dict[str, Any]]]:
        """The first instant of each hour at which decisions are due, and these."""
        decisions = read_decisions(self.system, self.lake, day).sort_by("decided_at").to_pylist()
        found: dict[dt.datetime, list[dict[str, Any]]] = {}
        first: dict[int, dt.datetime] = {}
        for row in decisions:
            instant = row.pop("decided_at")
            if first.setdefault(instant.hour, instant) == instant:
                found.setdefault(instant, []).append(row)
        return found

    def _send(self, events: Sequence[Event], done: int, until: dt.datetime) -> int:
        """Send what became known up to an instant, and wait until the worker has folded it."""
        portion = [event for event in events[done:] if event.known <= until]
        began = time.monotonic()
        self._sent += send(self.broker, portion)
        while httpx.get(f"{self.worker}/health", timeout=10).json()["lag"]:
            if time.monotonic() - began > FOLD_SECONDS:
                raise TimeoutError(f"the stream worker is not through after {FOLD_SECONDS} s")
            time.sleep(0.01)
        self._waits.append(time.monotonic() - began)
        return done + len(portion)

    def _predict(self, instant: dt.datetime, rows: list[dict[str, Any]]) -> None:
        answer = predict(self.inference, plain_rows(rows), [instant.isoformat()] * len(rows))
        self._predictions += len(answer["predictions"])

    def _summary(self, day: Days) -> dict[str, Any]:
        landed = read_landed(self.system, self.lake)
        layers = read_layers(self.lake, landed)
        parity = self._parity(day)
        return {
            "day": DAY,
            "sent": self._sent,
            "landed": {item.topic: item.rows for item in landed},
            "seconds_to_fold": round(statistics.median(self._waits), 3),
            "predictions": self._predictions,
            "buckets": sum(group.buckets for group in layers.groups) if layers else 0,
            "unequal_buckets": sum(group.unequal for group in layers.groups) if layers else None,
            "boundary": layers.boundary if layers else None,
            "vectors_compared": parity.compared,
            **_differing(read_shares(self.lake, day), parity.compared - self._predictions),
        }

    def _parity(self, day: Days) -> Any:
        """Wait until the service has written all of its predictions, then compare them."""
        deadline = time.monotonic() + LOG_SECONDS
        while True:
            report = check_parity(self.system, self.lake, day)
            if report.expected >= self._predictions or time.monotonic() > deadline:
                return report
            time.sleep(1)


def _differing(shares: Sequence[Mapping[str, Any]], before: int) -> dict[str, Any]:
    """The features that differ in more vectors than those that were served from the materialized store before."""
    return {
        "served_before": before,
        "differing": {row["feature"]: row["differing"] for row in shares if row["differing"] > before},
    }
