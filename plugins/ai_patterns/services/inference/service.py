"""One predictor behind the edge, with what stands before it and what is counted about it."""

from __future__ import annotations

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.inference.batching import Batcher
from ai_patterns.services.inference.guard import Guard
from ai_patterns.services.inference.metrics import Metrics
from ai_patterns.services.inference.model import ServedModel
from ai_patterns.services.inference.predictor import Job, Predictor
from ai_patterns.services.inference.requests import Predictions, RequestError
from ai_patterns.services.inference.settings import Settings


class Service:
    """All that answers for one system."""

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self.predictor, self.settings = predictor, settings
        self.guard = Guard(settings.api_key, settings.callers, settings.open_predictions)
        self.metrics = Metrics(self._version, lambda: predictor.log.depth, lambda: predictor.log.failures)
        self.batcher: Batcher[Job, Predictions] = Batcher(
            predictor.predict,
            max_rows=settings.batch_rows,
            capacity=settings.waiting_rows,
            deadline=settings.deadline_seconds,
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
