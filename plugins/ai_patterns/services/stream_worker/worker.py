"""The worker's loop over all streams, until it is told to stop."""

from __future__ import annotations

import logging
import math
import threading
from functools import partial

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.core.clock import Clock, utc_now
from ai_patterns.errors import AIPatternsError, FencedError, ServiceUnavailableError, SpecError
from ai_patterns.services.stream_worker.intake import Intake, streams_of
from ai_patterns.services.stream_worker.metrics import Metrics
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
        share: this worker's number among how many share the partitions.
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
        share: tuple[int, int] = (0, 1),
        clock: Clock = utc_now,
    ) -> None:
        names = streams_of(system)
        if not names:
            raise SpecError(f"{system.name!r} has no group of layer stream whose stream has a topic", field="streams")
        self.metrics, self._clock = Metrics(), clock
        self._intakes = [Intake(system, name, broker, store, share=share, clock=clock) for name in names]
        for intake in self._intakes:
            self.metrics.lag.labels(intake.stream).set_function(partial(_lag, intake))

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
                    raise
                except ServiceUnavailableError as error:
                    log.warning("Nothing is folded for now: %s", error)
                    stop.wait(_RETRY_SECONDS)
        finally:
            self.close()

    def step(self, seconds: float = WAIT_SECONDS) -> int:
        """One batch of each stream; return the number of messages."""
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
        for intake in self._intakes:
            intake.close()

    def _fold(self, intake: Intake, seconds: float) -> int:
        step = intake.step(seconds)
        self.metrics.count(intake.stream, step, self._clock())
        return step.messages


def _lag(intake: Intake) -> float:
    """NaN while the cluster does not tell: a scrape must not fail with it."""
    try:
        return intake.lag()
    except AIPatternsError:
        return math.nan
