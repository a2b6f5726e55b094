"""A new version on its way to the clients, and its way back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.sdk import Context

from ai_patterns.core.days import Days
from ai_patterns.errors import PromotionRejectedError
from ai_patterns.hooks.serving import ServingHook
from ai_patterns.operators.measures import report_verdict, send_figures
from ai_patterns.operators.online_offline_serving import VersionOperator, request_of
from ai_patterns.operators.system import RegistryOperator, never_retried
from ai_patterns.triggers.rollout_due import RolloutDueTrigger


class RollOutModelOperator(VersionOperator):
    """Leads a version through shadow and canary to the champion's place, and back where it harms.

    It waits in the triggerer between the steps. A try after a crash goes on where the ledger of rollouts stands.

    Args:
        serving_conn_id: connection of the inference service that counts; its password is the service's key.
        poll_interval: seconds between two looks at the counts.
        kwargs: as of `VersionOperator`.
    """

    def __init__(
        self,
        *,
        serving_conn_id: str = ServingHook.default_conn_name,
        poll_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.serving_conn_id, self.poll_interval = serving_conn_id, poll_interval

    def perform(self, context: Context) -> dict[str, Any]:
        """Begin the rollout or find it again; return the version that was promoted in the end.

        Raises:
            AirflowFailException: a gate failed, or the version was rolled back; the ledger holds the reason.
        """
        from ai_patterns.jobs.model_rollout import begin
        from ai_patterns.jobs.rollout_state import find

        request = request_of(self, context)
        if find(self.lake, request) is None:  # a try after a crash may find no challenger any more
            asked: dict[str, Any] = {"request": request, "repository": self.repository}
            reason = context["params"].get("reason") or f"run {context['run_id']}"
            now, version = dt.datetime.now(dt.UTC), self.find_version(context)
            begin(self.spec, self.lake, self.registry, version, at=now, reason=str(reason), **asked)
        return self._go_on(context)

    def take_up(self, context: Context, event: str) -> dict[str, Any]:
        """Do what the trigger found due."""
        self.log.info("Due: %s", event)
        with never_retried():
            summary = self._go_on(context)
        send_figures(self.spec.name, type(self).__name__, summary)
        return summary

    def _go_on(self, context: Context) -> dict[str, Any]:
        """Take every step that is due; wait in the triggerer for the next one."""
        from ai_patterns.jobs.model_rollout import advance

        read, now = ServingHook(self.serving_conn_id).rollout_counts, dt.datetime.now(dt.UTC)
        request, repository = request_of(self, context), self.repository
        line = advance(self.spec, self.lake, self.registry, read, request, at=now, repository=repository)
        if line.running:
            self.defer(trigger=self._trigger(), method_name="take_up")
        with report_verdict(self.spec.name, "rollout"):
            if line.action != "promoted":
                raise PromotionRejectedError(f"version {line.version} was rolled back: {line.reason}")
        self.log.info("Version %s is the champion, after %s", line.version, line.champion)
        summary = {"version": line.version, "previous": line.champion}
        self.announce(context, Days(line.at.date(), line.at.date()), summary)
        return summary

    def _trigger(self) -> RolloutDueTrigger:
        lake = {"uri": self.lake.uri, "system": self.lake.system, "options": dict(self.lake.options)}
        return RolloutDueTrigger(
            system=str(self.spec.folder),
            lake=lake,
            serving_conn_id=self.serving_conn_id,
            poll_interval=self.poll_interval,
        )


class EndRolloutOperator(RegistryOperator):
    """Ends the rollout that runs: from now on the champion answers alone."""

    def perform(self, context: Context) -> dict[str, Any]:
        """End it; return the version that answers nobody any more.

        Raises:
            AirflowFailException: no rollout runs.
        """
        from ai_patterns.jobs.model_rollout import end

        reason = context["params"].get("reason") or f"by run {context['run_id']}"
        line = end(self.spec, self.lake, self.registry, at=dt.datetime.now(dt.UTC), reason=reason)
        return {"version": line.version}
