"""History lived again through the real topics: sent as it became known, folded, landed, and taken over day by day."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.core.days import Days
from ai_patterns.jobs.boundary import advance, days_to_build, landed_now
from ai_patterns.jobs.certification import Certificate, certify
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.history import Event, read_history, send
from ai_patterns.jobs.ingestion import publish_landed
from ai_patterns.jobs.landed import landed_streams
from ai_patterns.jobs.landing import land
from ai_patterns.services.stream_worker.worker import StreamWorker
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
"""How often a paced replay sends."""


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

    def live_through(self, day: Days, speed: float | None = None) -> str:
        """One whole day, through to the certificate at its end; tells of it in a few words.

        A day that was broken off is lived again: its messages are sent again, and each event still counts once.

        Args:
            day: the day; the one before is in the batch layer.
            speed: simulated seconds in a second; None does not wait.

        Raises:
            CertificateError: both layers merged differ from the lake.
        """
        if self.store.boundary() is None:
            self.begin(day.start)
        worker, folded, sent = StreamWorker(self.system, self.broker, self.store, clock=lambda: day.end), 0, 0
        try:
            for events in paced(read_history(self.system, day), speed):
                folded, sent = folded + self.live(worker, events), sent + len(events)
            found = self.close_day(day.end, worker)
        finally:
            worker.close()
        buckets = sum(bucket.keys > 0 for of_group in found.buckets.values() for bucket in of_group)
        return f"{sent:,} messages sent, {folded:,} folded, {buckets} buckets with {found.keys:,} keys certified"


def apart(system: SystemSpec, name: str) -> SystemSpec:
    """The system with topics of its own, so that a replay meets neither the real ones nor those of another replay.

    Args:
        system: the system.
        name: goes before each topic's name.
    """
    streams = {
        key: stream.model_copy(update={"topic": f"{name}.{stream.topic}"}) if stream.topic else stream
        for key, stream in system.streams.items()
    }
    return system.model_copy(update={"streams": streams})


def paced(
    events: Sequence[Event], speed: float | None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Sequence[Event]]:
    """Events in the portions in which they are to be sent, each handed out when its time has come.

    Args:
        events: in the order of their known times.
        speed: simulated seconds in a second; None hands out all at once.
        sleep: waits some seconds.
    """
    if speed is None:
        yield events
        return
    began, step = time.monotonic(), dt.timedelta(seconds=speed * TICK_SECONDS)
    for number, portion in groupby(events, lambda event: (event.known - events[0].known) // step):
        sleep(max(0.0, began + number * TICK_SECONDS - time.monotonic()))
        yield list(portion)
