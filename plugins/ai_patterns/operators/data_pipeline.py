"""Write, audit, publish: the steps that bring a partition of events into the lake."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Context

from ai_patterns.hooks.sources import read_query
from ai_patterns.operators.measures import report_verdict
from ai_patterns.operators.system import SystemOperator


class LoadDimensionsOperator(SystemOperator):
    """Replaces the system's dimension tables by what the sources hold now."""

    def perform(self, context: Context) -> dict[str, int]:  # noqa: ARG002  dimensions have no days
        """Load every dimension; return its rows by name."""
        from ai_patterns.jobs.extraction import load_dimensions

        if not self.spec.dimensions:
            raise AirflowSkipException("Nothing to do: the system has no dimensions.")
        return load_dimensions(self.spec, self.lake, read_query)


class ExtractStreamsOperator(SystemOperator):
    """Runs each stream's SQL over the sources and stages the rows that became known on the days.

    The run's param `origin: topics` takes streams that have a topic from what landed of it instead.
    """

    def perform(self, context: Context) -> dict[str, int]:
        """Stage the rows; return their number by stream."""
        from ai_patterns.jobs.extraction import extract

        days = self.days_of(context)
        overrides, origin = (context["params"].get(name) for name in ("overrides", "origin"))
        if overrides:
            self.log.warning("This run reads other files instead of sources: %s", overrides)
        rows = extract(
            self.spec,
            self.lake,
            days,
            run_id=context["run_id"],
            read_query=read_query,
            overrides=overrides,
            origin=origin or "sources",
        )
        if not any(rows.values()):
            raise AirflowSkipException(f"Nothing to do: no rows became known on {days}.")
        self.log.info("Staged %d rows of %d streams for %s: %s", sum(rows.values()), len(rows), days, rows)
        return rows


class ValidateStreamsOperator(SystemOperator):
    """Holds the staged rows against their expectations; nothing is published unless they pass."""

    def perform(self, context: Context) -> dict[str, Any]:
        """Audit the staged rows; return what passed and what goes to quarantine.

        Raises:
            AirflowFailException: an expectation of a partition failed; it names the expectation and the count.
        """
        from ai_patterns.jobs.audit import audit

        days = self.days_of(context)
        with report_verdict(self.spec.name, "expectations"):
            report = audit(self.spec, self.lake, days, run_id=context["run_id"])
        found = {name: {"rows": stream.rows, "refused": stream.refused} for name, stream in report.streams.items()}
        self.log.info("Audited the streams for %s: %s", days, found)
        return found


class PublishStreamsOperator(SystemOperator):
    """Makes the audited rows visible: good rows to `events`, bad ones to `quarantine`."""

    def perform(self, context: Context) -> dict[str, int]:
        """Publish the partitions of the days and announce them; return the rows by table."""
        from ai_patterns.jobs.ingestion import publish

        days = self.days_of(context)
        rows = publish(self.spec, self.lake, days, run_id=context["run_id"])
        self.log.info("Published %s: %s", days, rows)
        self.announce(context, days, rows)
        return rows
