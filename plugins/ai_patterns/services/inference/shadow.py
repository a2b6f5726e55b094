"""The other version's score of the same rows: made after the answer, in its own thread, and left out under load."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from queue import Full, Queue

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.inference.log import PredictionLog
from ai_patterns.services.inference.logged import Scored
from ai_patterns.services.inference.rollouts import LiveRollout
from ai_patterns.services.inference.served import ServedModel

_WAITING = 32

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mirrored:
    """Requests that one version has answered together.

    Attributes:
        live: the step that they belong to.
        model: the version that answered.
        scored: their rows.
        firsts: place of each request's first row.
        seconds: what the scoring took of its thread.
    """

    live: LiveRollout
    model: ServedModel
    scored: Scored
    firsts: Sequence[int]
    seconds: float


class Shadow:
    """Scores batches with the other version, one by one; a batch that finds no room is counted and left out.

    Args:
        log: where the scores go that are nobody's answer.
        capacity: most batches that wait.
    """

    def __init__(self, log: PredictionLog, capacity: int = _WAITING) -> None:
        self._log = log
        self._queue: Queue[Mirrored | None] = Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    @property
    def refused(self) -> int:
        """Scores for which the log had no room."""
        return self._log.refused

    def start(self) -> None:
        """Begin to score."""
        self._log.start()
        self._thread.start()

    def stop(self) -> None:
        """Score what waits, then end; what was scored is logged."""
        self._queue.put(None)
        self._thread.join()
        self._log.close()

    def offer(self, batch: Mirrored) -> None:
        """Take a batch in, if there is room; never waits."""
        try:
            self._queue.put_nowait(batch)
        except Full:
            batch.live.tally.shed(len(batch.firsts))

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            other = batch.live.other(batch.model)
            started = time.thread_time()
            try:
                scores = _score(other, batch.scored)
            except Exception:  # whatever it was, it is the version's fault and nobody's answer
                log.exception("version %d failed in shadow", other.version)
                self._count(batch, other, time.thread_time() - started, None)
            else:
                self._count(batch, other, time.thread_time() - started, scores)
                self._write(batch, other, scores)

    def _count(self, batch: Mirrored, other: ServedModel, seconds: float, scores: Sequence[float] | None) -> None:
        live, tally = batch.live, batch.live.tally
        for first in batch.firsts:
            if other is live.challenger:
                tally.scored("challenger", failed=scores is None)
            if not live.compares_answers:
                tally.took("champion", batch.seconds)
                tally.took("challenger", seconds)
            if scores is not None:
                both = (batch.scored.scores[first], scores[first])
                tally.pair(*(both if other is live.challenger else reversed(both)))

    def _write(self, batch: Mirrored, other: ServedModel, scores: list[float]) -> None:
        shadowed = replace(batch.scored, scores=scores, version=other.version, assignment=None, mode="shadow")
        try:
            self._log.put(shadowed)
        except ServiceUnavailableError as error:
            log.warning("scores of the shadow are not logged: %s", error)


def _score(model: ServedModel, scored: Scored) -> list[float]:
    matrix, _ = model.builder.build(dict(scored.columns), len(scored.ids))
    scores: list[float] = model.predict(matrix).tolist()
    return scores
