"""The worker's loop over all streams, until it is told to stop."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from functools import partial

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.core.clock import Clock, utc_now
from ai_patterns.errors import AIPatternsError, FencedError, ServiceUnavailableError, SpecError
from ai_patterns.services.stream_worker.intake import Intake, streams_of
from ai_patterns.services.stream_worker.metrics import Metrics
from ai_patterns.services.stream_worker.sharing import Share, open_sharing
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

WAIT_SECONDS = 0.02
"""How long a stream is waited for; it bounds how old an event gets before it is folded."""

_RETRY_SECONDS = 1.0


class StreamWorker:
    """Folds every stream that feeds a group of the stream layer.

    Args:
        system: the system.
        broker: the cluster.
        store: the online tiles.
        share: this worker's number among how many share the partitions; None: Kafka's group shares them among the
            workers that are there.
        clock: what counts as now, simulated in a replay.

    Raises:
        SpecError: no stream has a topic and a group of the stream layer.
    """

    def __init__(
        self,
        system: SystemSpec,
        broker: Broker,
        store: TileStore,
        *,
        share: Share | None = (0, 1),
        clock: Clock = utc_now,
    ) -> None:
        names = streams_of(system)
        if not names:
            raise SpecError(f"{system.name!r} has no group of layer stream whose stream has a topic", field="streams")
        self.metrics, self._clock = Metrics(), clock
        self._topics = {str(system.streams[name].topic): name for name in names}
        self._open = partial(Intake, system, broker=broker, store=store, clock=clock)
        self._sharing = open_sharing(system.name, broker, self._topics, share)
        self._intakes: list[Intake] = []
        self._held: Mapping[str, frozenset[int]] = {}
        for name in names:
            self.metrics.lag.labels(name).set_function(partial(self._told_lag, name))
        self._take(self._sharing.look())

    def run(self, stop: threading.Event) -> None:
        """Fold until `stop` is set; a batch that was begun is finished.

        Raises:
            FencedError: another worker took a partition over.
            ServiceRejectedError: a topic or the store is not what it was; the message tells the remedy.
        """
        try:
            while not stop.is_set():
                try:
                    self.step()
                except FencedError:
                    if not self._sharing.rejoin():
                        raise
                    log.warning("A partition went to another worker: this one asks for its share anew.")
                except ServiceUnavailableError as error:
                    log.warning("Nothing is folded for now: %s", error)
                    stop.wait(_RETRY_SECONDS)
        finally:
            self.close()

    def step(self, seconds: float = WAIT_SECONDS) -> int:
        """One batch of each stream; return the number of messages."""
        self._take(self._sharing.look())
        if not self._intakes:
            time.sleep(seconds)
        return sum(self._fold(intake, seconds / len(self._intakes)) for intake in self._intakes)

    def drain(self) -> int:
        """Fold until nothing is waiting; return the number of messages."""
        count = 0
        while self.lag():
            count += self.step()
        return count

    def lag(self) -> int:
        """Messages that wait to be folded."""
        return sum(intake.lag() for intake in self._intakes)

    def close(self) -> None:
        """Let go of the topics."""
        self._drop()
        self._sharing.close()

    def _take(self, held: Mapping[str, frozenset[int]]) -> None:
        """Claim these partitions and no others, where they are not those that the worker has."""
        if held == self._held:
            return
        self._drop()
        self._intakes = [
            self._open(self._topics[topic], partitions=partitions) for topic, partitions in held.items() if partitions
        ]
        self._held = held
        log.info("Partitions: %s.", {topic: sorted(partitions) for topic, partitions in held.items()})

    def _drop(self) -> None:
        intakes, self._intakes, self._held = self._intakes, [], {}
        for intake in intakes:
            intake.close()

    def _fold(self, intake: Intake, seconds: float) -> int:
        step = intake.step(seconds)
        self.metrics.count(intake.stream, step, self._clock())
        return step.messages

    def _told_lag(self, stream: str) -> float:
        """NaN while the cluster does not tell: a scrape must not fail with it."""
        try:
            return sum(intake.lag() for intake in self._intakes if intake.stream == stream)
        except AIPatternsError:
            return math.nan
