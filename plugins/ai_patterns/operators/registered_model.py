"""Promotion for models of anybody's MLflow: no system, no training of ours, only names and labelled rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import BaseOperator, Context

from ai_patterns.core.days import Days
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.hooks.mlflow import MLflowHook
from ai_patterns.operators.measures import report_verdict
from ai_patterns.operators.system import announce, never_retried

if TYPE_CHECKING:
    from ai_patterns.clients.lake import Lake
    from ai_patterns.clients.mlflow import Registry
    from ai_patterns.core.ledger import Promotion
    from ai_patterns.core.promotion import Review
    from ai_patterns.spec.model import Task


class _RegisteredModelOperator(BaseOperator):
    """A change of the champion of one registered model.

    Args:
        model: its name in the registry.
        reason: goes into the ledger; by default the run.
        lake_conn_id: connection of the lake, in which the ledger of this model lies.
        mlflow_conn_id: connection of the registry.
    """

    template_fields: Sequence[str] = ("model", "reason")

    def __init__(
        self,
        *,
        model: str,
        reason: str | None = None,
        lake_conn_id: str = LakeHook.default_conn_name,
        mlflow_conn_id: str = MLflowHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model, self.reason = model, reason
        self.lake_conn_id, self.mlflow_conn_id = lake_conn_id, mlflow_conn_id

    @cached_property
    def lake(self) -> Lake:
        """Where the ledger lies."""
        return LakeHook(self.lake_conn_id).lake(self.model)

    @cached_property
    def registry(self) -> Registry:
        """The model's registry."""
        return MLflowHook(self.mlflow_conn_id).registry(self.model)

    def told(self, context: Context, line: Promotion) -> dict[str, Any]:
        """Log and announce the champion; return version and the one before."""
        self.log.info("Version %s of %s is the champion, after %s", line.version, self.model, line.previous)
        summary = {"version": line.version, "previous": line.previous}
        announce(self, context, Days(line.at.date(), line.at.date()), summary)
        return summary

    def asked(self, context: Context) -> dict[str, str]:
        """Reason and name of the asking: every try of one task in one run is the same."""
        request = f"{self.dag_id}/{context['run_id']}/{self.task_id}"
        return {"reason": self.reason or f"run {context['run_id']}", "request": request}


class PromoteRegisteredModelOperator(_RegisteredModelOperator):
    """Makes a version the champion if it passes the gates on labelled rows, which the champion predicts too.

    The ledger decides and the alias `champion` follows; a champion that was set by hand before is taken over.

    Args:
        evaluation: Delta, Parquet or CSV with the models' columns, the label and an instant a row; best rows that
            neither model was trained on.
        label_column: the column of the truth.
        time_column: the column of the instant, whose UTC days are resampled as blocks.
        gates: as `gates` in a `system.yaml`: `compare`, `mode`, `absolute`, `guards`, `max_ece`, `fairness` and so on.
        task: `classification` or `regression`.
        version: a version or an alias.
        kwargs: as of `_RegisteredModelOperator`.
    """

    template_fields = (*_RegisteredModelOperator.template_fields, "evaluation", "version")

    def __init__(
        self,
        *,
        evaluation: str,
        label_column: str,
        time_column: str,
        gates: Mapping[str, Any],
        task: Task = "classification",
        version: str = "challenger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.evaluation, self.label_column, self.time_column = evaluation, label_column, time_column
        self.gates, self.task, self.version = gates, task, version

    def execute(self, context: Context) -> dict[str, Any]:
        """Promote the version and announce the champion; skipped where the alias points to none.

        Raises:
            AirflowFailException: a gate failed; the ledger holds the reason.
        """
        from ai_patterns.core.ledger import Promotion
        from ai_patterns.jobs.promotion import adopt, promote_by

        version = int(self.version) if self.version.isdecimal() else self.registry.alias(self.version)
        if version is None:
            raise AirflowSkipException(f"Nothing to do: the registry has no {self.version} of {self.model!r}.")
        now, asked = dt.datetime.now(dt.UTC), self.asked(context)
        line = Promotion(0, now, "promoted", version, None, asked["reason"], {"request": asked["request"]})
        with never_retried(), report_verdict(self.model, "promotion"):
            adopt(self.lake, self.registry, now)
            line = promote_by(partial(self.review, version), self.lake, self.registry, line)
        return self.told(context, line)

    def review(self, version: int) -> Review:
        """Every gate of a version; changes nothing."""
        from ai_patterns.clients.foreign_table import read_table
        from ai_patterns.clients.mlflow_flavors import FlavorScorer
        from ai_patterns.jobs.registered_model import Evaluation, prepare, read_gates, review_registered

        gates = read_gates(self.gates, self.task)
        rows = prepare(read_table(self.evaluation, self.lake.options), self.label_column, self.time_column)
        score = FlavorScorer(self.registry.tracking_uri, self.model, self.task)
        verdict = review_registered(
            self.lake, self.registry, version, Evaluation(rows, self.time_column, self.task, gates), score
        )
        for gate in verdict.gates:
            self.log.info("gate %s %s: %s", gate.name, "passed" if gate.passed else "FAILED", gate.detail)
        return verdict


class RollbackRegisteredModelOperator(_RegisteredModelOperator):
    """Returns to the champion before the present one, at once and without gates."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Roll back and announce the champion.

        Raises:
            AirflowFailException: there is no earlier champion.
        """
        from ai_patterns.jobs.promotion import rollback

        with never_retried():
            line = rollback(self.lake, self.registry, at=dt.datetime.now(dt.UTC), **self.asked(context))
        return self.told(context, line)
