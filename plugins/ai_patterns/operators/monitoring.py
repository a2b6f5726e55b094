"""Watching data, predictions and labels."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Context

from ai_patterns.clients.home import Home
from ai_patterns.core.days import Days
from ai_patterns.errors import DriftDetectedError
from ai_patterns.operators.measures import count_verdicts
from ai_patterns.operators.system import SystemOperator

if TYPE_CHECKING:
    from ai_patterns.jobs.monitoring import MonitoringReport


class CheckQualityOperator(SystemOperator):
    """Looks at the published rows and the quarantine of the days."""

    def perform(self, context: Context) -> dict[str, int]:
        """Check; return the number of verdicts and of alarms."""
        from ai_patterns.jobs.monitoring import check_quality

        days = self.days_of(context)
        self.require_rows([f"events/{name}" for name in self.spec.streams], days)
        return _summarize(self, check_quality(self.spec, self.lake, days))


class DetectDriftOperator(SystemOperator):
    """Compares the features of the days with the reference period.

    Args:
        features_of: the table whose features are compared.
        kwargs: as of `SystemOperator`.
    """

    def __init__(
        self, *, features_of: Literal["training_sets", "predictions"] = "training_sets", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.features_of = features_of

    def perform(self, context: Context) -> dict[str, int]:
        """Compare; return the number of verdicts and of alarms."""
        from ai_patterns.jobs.monitoring import check_drift

        days = self.days_of(context)
        self.require_rows([self.features_of], days)
        return _summarize(self, check_drift(self.spec, self.lake, days, features_of=self.features_of))


class CheckPredictionsOperator(SystemOperator):
    """Compares the predictions of the days with the reference period."""

    def perform(self, context: Context) -> dict[str, int]:
        """Compare; return the number of verdicts and of alarms."""
        from ai_patterns.jobs.monitoring import check_predictions

        days = self.days_of(context)
        self.require_rows(["predictions"], days)
        return _summarize(self, check_predictions(self.spec, self.lake, days))


class CheckParityOperator(SystemOperator):
    """Recomputes the vectors that were served online on the days, and compares them bit by bit.

    Skipped where nothing was served online; vectors that could not be compared are a failure.

    Args:
        fail_on_alarm: whether a failed verdict fails the task, after it was recorded.
        kwargs: as of `SystemOperator`.
    """

    def __init__(self, *, fail_on_alarm: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fail_on_alarm = fail_on_alarm

    def perform(self, context: Context) -> dict[str, int]:
        """Compare; return the number of vectors, verdicts and alarms.

        Raises:
            AirflowFailException: a served feature differs beyond the spec's bounds, or could not be compared.
        """
        from ai_patterns.jobs.parity import check_parity

        days = self.days_of(context)
        self.require_rows(["predictions"], days)
        report = check_parity(self.spec, self.lake, days)
        if not report.expected:
            raise AirflowSkipException(f"Nothing to do: nothing was served online on {days}.")
        alarms = count_verdicts(self.spec.name, [asdict(row) for row in report.rows])
        if self.fail_on_alarm:
            report.require_parity()
        return {"vectors": report.compared, "checks": len(report.rows), "alarms": alarms}


class WriteReportOperator(SystemOperator):
    """Writes the system's report as a page and as JSON; alarms of the days turn the task red.

    The days' report has its own folder below `reports/{system}` of `clients.home`.

    Args:
        fail_on_alarm: whether an alarm fails the task, after the report was written.
        kwargs: as of `SystemOperator`.
    """

    def __init__(self, *, fail_on_alarm: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fail_on_alarm = fail_on_alarm

    def perform(self, context: Context) -> dict[str, Any]:
        """Write the report; return where its page is and the alarms of the days.

        Raises:
            AirflowFailException: a check of these days failed.
        """
        from ai_patterns.jobs.checks import CHECKS, read_alarms
        from ai_patterns.jobs.report import write_report

        days = self.days_of(context)
        self.require_rows([CHECKS], days)
        page, alarms = write_report(self.spec, self.lake, self._folder(days)), read_alarms(self.lake, days)
        self.log.info("%d alarms on %s; the report is at %s", len(alarms), days, page)
        if alarms and self.fail_on_alarm:
            raise DriftDetectedError(f"{len(alarms)} alarms on {days}, see {page}: {'; '.join(alarms)}")
        return {"path": str(page), "alarms": alarms}

    def _folder(self, days: Days) -> Path:
        return Home.from_environment().reports / self.spec.name / str(days).replace("/", "_")


def _summarize(operator: SystemOperator, report: MonitoringReport) -> dict[str, int]:
    verdicts = [asdict(row) for row in report.rows]
    for verdict in verdicts:
        operator.log.info("%s %s: %s", verdict["check"], verdict["subject"], verdict["detail"])
    return {"checks": len(verdicts), "alarms": count_verdicts(operator.spec.name, verdicts)}
