"""The model behind its service."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.sdk import Context

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.serving import ServingHook
from ai_patterns.operators.measures import count_verdicts
from ai_patterns.operators.system import SystemOperator


class CheckServiceOperator(SystemOperator):
    """Asks the inference service for its health and readiness and for one real prediction.

    Args:
        serving_conn_id: connection of the service.
        kwargs: as of `SystemOperator`.
    """

    def __init__(self, *, serving_conn_id: str = ServingHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.serving_conn_id = serving_conn_id

    @cached_property
    def service(self) -> ServingHook:
        """The inference service."""
        return ServingHook(self.serving_conn_id)

    def perform(self, context: Context) -> dict[str, Any]:
        """Check the service; return its answer to the probe.

        Raises:
            AirflowFailException: the service refused the probe.
            ServiceUnavailableError: it is away, or not ready.
        """
        for state, holds in (("live", self.service.is_live()), ("ready", self.service.is_ready())):
            count_verdicts(self.spec.name, [{"check": f"service_{state}", "passed": holds}])
            if not holds:
                problem = f"the inference service {self.service.url} is not {state}."
                raise ServiceUnavailableError(problem, conn_id=self.serving_conn_id)
        answer = self._probe(context)
        self.log.info("The service %s is live and ready, and predicted %s", self.service.url, answer)
        return {"url": self.service.url, "answer": answer}

    def _probe(self, context: Context) -> dict[str, Any]:
        from ai_patterns.jobs.probing import probe_request

        moment = self.moment_of(context)
        request = probe_request(self.spec, self.lake, moment)
        self.log.info("Asking for a prediction of %s", request)
        return self.service.predict([request], moment)
