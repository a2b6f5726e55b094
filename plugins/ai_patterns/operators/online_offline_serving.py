"""From data to a champion and its batch predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import BaseOperator, Context

from ai_patterns.core.days import Days
from ai_patterns.operators.measures import count_verdicts, report_verdict
from ai_patterns.operators.system import FeatureStoreOperator, RegistryOperator


class TrainModelOperator(RegistryOperator):
    """Trains on the decisions of the days, evaluates on the newest part, registers a challenger."""

    def perform(self, context: Context) -> dict[str, Any]:
        """Train and announce the model; return version, rows and metrics."""
        from ai_patterns.jobs.training import train

        days = self.days_of(context)
        report = train(self.spec, self.lake, self.registry, days)
        summary = {"version": report.version, "rows": report.rows, "metrics": dict(report.metrics)}
        self.log.info("Version %s is the challenger, trained on %s: %s", report.version, days, summary)
        self.announce(context, days, summary)
        return summary


class VersionOperator(RegistryOperator, FeatureStoreOperator):
    """A step about one version of the model.

    Args:
        version: the version, or an alias; by default the run's param `version`, else the challenger.
        kwargs: as of `RegistryOperator` and `FeatureStoreOperator`, whose store the server gate asks.
    """

    template_fields = (*RegistryOperator.template_fields, "version")

    def __init__(self, *, version: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version

    @property
    def repository(self) -> Path | None:
        """Where the server gate finds the online store."""
        return self.folder if self.spec.gates.server else None

    def find_version(self, context: Context) -> int:
        """The version meant; the task is skipped where there is none."""
        named = str(self.version or context["params"].get("version") or "challenger")
        version = int(named) if named.isdecimal() else self.registry.alias(named)
        if version is None:
            raise AirflowSkipException(f"Nothing to do: the registry has no {named} of {self.spec.name!r}.")
        return version


class ReviewModelOperator(VersionOperator):
    """Holds a version against every gate, without changing anything."""

    def perform(self, context: Context) -> dict[str, Any]:
        """Review the version; return the verdicts.

        A failed gate does not fail this task: the promotion refuses the version and writes down why.
        """
        from ai_patterns.jobs.review import review

        verdict = review(self.spec, self.lake, self.registry, self.find_version(context), self.repository)
        rows = [{"check": "gate", "passed": gate.passed} for gate in verdict.gates]
        failed = count_verdicts(self.spec.name, rows)
        self.log.info("Version %s: %d of %d gates passed", verdict.version, len(rows) - failed, len(rows))
        summary = {"version": verdict.version, "champion": verdict.champion, "passed": verdict.passed}
        return {**summary, "gates": [asdict(gate) for gate in verdict.gates]}


class PromoteModelOperator(VersionOperator):
    """Makes a version the champion if it passes every gate.

    Args:
        review_task_id: a `ReviewModelOperator` before this task: what it reviewed is promoted, as long as the champion
            that it was compared with is the champion.
        approval_task_id: an `ApprovePromotionOperator` before this task, whose answer goes into the ledger.
        kwargs: as of `RegistryOperator` and `FeatureStoreOperator`.
    """

    def __init__(
        self, *, review_task_id: str | None = None, approval_task_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.review_task_id, self.approval_task_id = review_task_id, approval_task_id

    def perform(self, context: Context) -> dict[str, Any]:
        """Promote the version and announce the champion.

        Raises:
            AirflowFailException: a gate failed; the ledger holds the reason.
        """
        from ai_patterns.jobs.promotion import promote

        found = _pull(context, self.review_task_id) or {"version": self.find_version(context), "champion": None}
        at, version = self.moment_of(context), int(found["version"])
        asked = {"reason": self._reason(context), "request": request_of(self, context), "against": found["champion"]}
        with report_verdict(self.spec.name, "promotion"):
            line = promote(self.spec, self.lake, self.registry, version, at=at, repository=self.repository, **asked)
        self.log.info("Version %s is the champion since %s, after %s", line.version, line.at, line.previous)
        summary = {"version": line.version, "previous": line.previous}
        self.announce(context, Days(at.date(), at.date()), summary)
        return summary

    def _reason(self, context: Context) -> str:
        reason = context["params"].get("reason") or f"run {context['run_id']}"
        answer = _pull(context, self.approval_task_id)
        return f"{reason}; approved by {_who(answer)}" if answer else str(reason)


class RollbackModelOperator(RegistryOperator):
    """Returns to the champion before the present one, at once and without gates."""

    def perform(self, context: Context) -> dict[str, Any]:
        """Roll back and announce the champion.

        Raises:
            AirflowFailException: there is no earlier champion.
        """
        from ai_patterns.jobs.promotion import rollback

        at = self.moment_of(context)
        reason = context["params"].get("reason") or f"rollback by run {context['run_id']}"
        line = rollback(self.lake, self.registry, at=at, reason=reason, request=request_of(self, context))
        self.log.info("Rolled back: version %s is the champion again, after %s", line.version, line.previous)
        summary = {"version": line.version, "previous": line.previous}
        self.announce(context, Days(at.date(), at.date()), summary)
        return summary


class ScoreBatchOperator(RegistryOperator):
    """Predicts the decisions of the days with the champion, into the lake."""

    def perform(self, context: Context) -> dict[str, int]:
        """Score the days and announce the predictions; return their number."""
        from ai_patterns.jobs.scoring import score

        days = self.days_of(context)
        self.require_rows(["training_sets"], days)
        if self.registry.alias("champion") is None:
            raise AirflowSkipException(f"Nothing to do: {self.spec.name!r} has no champion yet.")
        summary = {"predictions": score(self.spec, self.lake, self.registry, days)}
        self.log.info("Predicted %d decisions of %s with the champion", summary["predictions"], days)
        self.announce(context, days, summary)
        return summary


def _pull(context: Context, task_id: str | None) -> Any:
    """What an earlier task of the run returned; None where there is none such."""
    return context["ti"].xcom_pull(task_ids=task_id) if task_id else None


def _who(answer: Mapping[str, Any]) -> str:
    user = answer.get("responded_by_user") or {}
    return f"{user.get('name') or 'nobody in time'} at {answer['responded_at']}"


def request_of(task: BaseOperator, context: Context) -> str:
    """What names the asking in the ledger: every try of one task in one run is the same."""
    return f"{task.dag_id}/{context['run_id']}/{task.task_id}"
