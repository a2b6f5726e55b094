"""Watching data, predictions and labels."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import Context

from ai_patterns.errors import DriftDetectedError
from ai_patterns.operators.system import SystemOperator
from ai_patterns.operators.verdicts import count_verdicts

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


class WriteReportOperator(SystemOperator):
    """Writes a readable report of the days' checks; alarms turn the task red.

    Args:
        fail_on_alarm: whether an alarm fails the task, after the report was written.
        kwargs: as of `SystemOperator`.
    """

    def __init__(self, *, fail_on_alarm: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fail_on_alarm = fail_on_alarm

    def perform(self, context: Context) -> dict[str, Any]:
        """Write the report; return where it is and its figures.

        Raises:
            AirflowFailException: a check of these days failed.
        """
        from ai_patterns.jobs.reporting import write_report

        days = self.days_of(context)
        self.require_rows(["checks"], days)
        report = write_report(self.spec, self.lake, days)
        self.log.info("%d checks of %s, %d alarms: see %s", report.checks, days, len(report.alarms), report.path)
        if report.alarms and self.fail_on_alarm:
            raise DriftDetectedError(f"{len(report.alarms)} alarms on {days}: {'; '.join(report.alarms)}")
        return {"path": report.path, "checks": report.checks, "alarms": len(report.alarms)}


def _summarize(operator: SystemOperator, report: MonitoringReport) -> dict[str, int]:
    verdicts = [asdict(row) for row in report.rows]
    for verdict in verdicts:
        operator.log.info("%s %s: %s", verdict["check"], verdict["subject"], verdict["detail"])
    return {"checks": len(verdicts), "alarms": count_verdicts(operator.spec.name, verdicts)}
