"""History lived again through the real topics: sent as it became known, folded, landed, and taken over day by day."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.core.days import Days
from ai_patterns.jobs.boundary import advance, days_to_build, landed_now
from ai_patterns.jobs.certification import Certificate, certify
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.history import Event, send
from ai_patterns.jobs.ingestion import publish_landed
from ai_patterns.jobs.landed import landed_streams
from ai_patterns.jobs.landing import land
from ai_patterns.services.stream_worker.worker import StreamWorker
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replay:
    """A system's streaming half on a simulated clock.

    Attributes:
        system: the system.
        lake: its lake, built up to the replay's first day.
        broker: the cluster; the topics are there.
        store: the online tiles.
    """

    system: SystemSpec
    lake: Lake
    broker: Broker
    store: TileStore

    def begin(self, at: dt.datetime) -> None:
        """Draw the first boundary: everything before `at` is in the batch layer."""
        self.store.seal(at)
        advance(self.system, self.lake, self.store, at, landed_now(self.system, self.lake))

    def live(self, worker: StreamWorker, events: Sequence[Event]) -> int:
        """Send events and fold them; return the number of messages folded."""
        send(self.broker, events)
        return worker.drain()

    def close_day(self, at: dt.datetime, worker: StreamWorker | None = None) -> Certificate:
        """What the DAG `lambda_architecture` does at a day's end, and the certificate of that instant."""
        self.store.seal(at)
        self._land(at)
        offsets = landed_now(self.system, self.lake)
        days: Days = days_to_build(self.system, self.lake, self.store, at, offsets)
        publish_landed(self.system, self.lake, days, offsets, run_id=f"replay-{at:%Y%m%d}")
        build_features(self.system, self.lake, days)
        advance(self.system, self.lake, self.store, at, offsets)
        self.store.tidy()
        if worker is not None:
            worker.drain()
        return certify(self.system, self.lake, self.store, at, now=at, catch_up=lambda: self._land(at))

    def _land(self, at: dt.datetime) -> None:
        for name in landed_streams(self.system):
            land(self.system, self.lake, self.broker, name, clock=lambda: at)
