"""One predictor behind the edge, with what stands before it and what is counted about it."""

from __future__ import annotations

import logging
import time

from msgspec.structs import replace

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.inference.batching import Batcher
from ai_patterns.services.inference.guard import Guard
from ai_patterns.services.inference.metrics import Metrics
from ai_patterns.services.inference.predictor import Job, Predictor
from ai_patterns.services.inference.requests import Predictions, Query, RequestError
from ai_patterns.services.inference.rollout_metrics import RolloutMetrics
from ai_patterns.services.inference.rollouts import LiveRollout, RolloutFollower
from ai_patterns.services.inference.served import ServedModel
from ai_patterns.services.inference.settings import Settings

_LOOK_SECONDS = 10.0

log = logging.getLogger(__name__)


class Service:
    """All that answers for one system."""

    def __init__(self, predictor: Predictor, rollouts: RolloutFollower, settings: Settings) -> None:
        self.predictor, self.rollouts, self.settings = predictor, rollouts, settings
        self.guard = Guard(settings.api_key, settings.callers, settings.open_predictions)
        depth, failures = (lambda: predictor.log.depth), (lambda: predictor.log.failures)
        refused = lambda: predictor.log.refused + predictor.shadow.refused  # noqa: E731
        self.metrics = Metrics(self._version, depth, failures, refused, RolloutMetrics(rollouts.counted))
        self.batcher = self._batcher(settings.deadline_seconds)
        # A new version has a thread of its own, and half the time: what is left is the champion's, who answers for it.
        self.canary = self._batcher(settings.deadline_seconds / 2)
        system = predictor.system
        self._key = system.rollout.key if system.rollout and system.rollout.key else system.decision_stream.key

    def start(self) -> None:
        """Begin to answer, for the running event loop."""
        predictor = self.predictor
        for part in (predictor.log, predictor.shadow, predictor.champion, self.rollouts, self.batcher, self.canary):
            part.start()

    def look(self) -> None:
        """Wait, for some seconds at most, until it is known which models answer.

        A worker that takes the place of a killed one accepts no connection before: it would only refuse it.
        """
        self.rollouts.await_look(_LOOK_SECONDS)

    def stop(self) -> None:
        """Answer what waits and empty the logs."""
        predictor = self.predictor
        for part in (self.batcher, self.canary, self.rollouts, predictor.champion, predictor.shadow):
            part.stop()
        predictor.log.close()

    async def answer(self, query: Query, model: ServedModel, *, named: bool) -> Predictions:
        """Answer a query.

        Args:
            query: the query.
            model: the model that its path means.
            named: whether the path names it; where it does not, a rollout may choose another.
        """
        job = self.predictor.prepare(query, model)
        live = None if named or not job.rows else self.rollouts.live(model)
        if live is None:
            return await self.batcher.answer(job)
        job = replace(job, live=live)
        if live.takes(tuple(job.columns[name][0] for name in self._key)):
            try:
                return await self._counted(self.canary, replace(job, model=live.challenger), live)
            except Exception as error:  # whatever it was, it is the new version's fault, and no caller's
                log.warning("version %d failed, the champion answers: %r", live.challenger.version, error)
        return await self._counted(self.batcher, job, live)

    async def _counted(self, batcher: Batcher[Job, Predictions], job: Job, live: LiveRollout) -> Predictions:
        role, started = live.role(job.model), time.perf_counter()
        try:
            answer = await batcher.answer(job)
        except Exception:
            live.tally.scored(role, failed=True)
            raise
        live.tally.scored(role, failed=False)
        if live.compares_answers:
            live.tally.took(role, time.perf_counter() - started)
        return answer

    def _batcher(self, deadline: float) -> Batcher[Job, Predictions]:
        settings = self.settings
        return Batcher(
            self.predictor.predict, max_rows=settings.batch_rows, capacity=settings.waiting_rows, deadline=deadline
        )

    def check(self) -> int:
        """The version that answers, if model and store are there."""
        version = self.predictor.champion.current().version
        self.predictor.features.check()
        return version

    def find_model(self, name: str | None, version: str | None = None, label: str | None = None) -> ServedModel:
        """The model that a path names.

        Raises:
            RequestError: 404, there is none such.
            ServiceUnavailableError: none was loaded yet.
        """
        served = self.predictor.system.name
        if name not in {None, served}:
            raise RequestError(f"there is no model {name!r}; this service serves {served!r}", status=404)
        return self.predictor.champion.find(version, label)

    def _version(self) -> int:
        try:
            return self.predictor.champion.current().version
        except ServiceUnavailableError:
            return 0
