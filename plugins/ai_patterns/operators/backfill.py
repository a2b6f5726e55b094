"""The cascading backfill in steps: what depends on the partition, computing that again, and announcing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Context

from ai_patterns.core.days import Days
from ai_patterns.errors import SpecError
from ai_patterns.hooks.sources import read_query
from ai_patterns.operators.system import RegistryOperator, SystemOperator

if TYPE_CHECKING:
    from ai_patterns.jobs.correction import Correction, Origin

_BY_VERSION = ("models", "predictions")


class PlanBackfillOperator(RegistryOperator):
    """Tells what depends on the run's partition and how large it is; replaces nothing."""

    def perform(self, context: Context) -> dict[str, Any]:
        """Plan; return the dependents with their sizes, and what rests on the partition and stays."""
        from ai_patterns.jobs.backfill import plan_backfill

        plan = plan_backfill(self.spec, self.lake, self.registry, _correction(self, context), read_query)
        for part in plan.dependents:
            self.log.info("%s: %d partitions, %d rows, %d bytes", part.table, len(part.days), part.rows, part.bytes)
        facts = asdict(plan)
        facts["dependents"] = [part | {"days": [str(day) for day in part["days"]]} for part in facts["dependents"]]
        # Airflow passes on mappings with text as keys alone.
        versions = {name: {str(version): count for version, count in facts[name].items()} for name in _BY_VERSION}
        return facts | versions


class BackfillPartitionOperator(SystemOperator):
    """Corrects the run's partition and replaces what depends on it, for all readers at once.

    A retry goes on where the last try was.
    """

    def perform(self, context: Context) -> dict[str, Any]:
        """Backfill; return the number of replaced partitions by table, and the newest day if its values may differ."""
        from ai_patterns.jobs.backfill import backfill, newest_changed

        if context["params"].get("dry_run"):
            raise AirflowSkipException("Nothing to do: a dry run was asked for.")
        partitions = backfill(self.spec, self.lake, _correction(self, context), read_query)
        replaced = {table: len(days) for table, days in partitions.items()}
        # A try that was killed may have replaced partitions that this one found as they should be.
        newest = newest_changed(self.spec, self.lake, partitions if context["ti"].try_number == 1 else None)
        return {"replaced": replaced, "newest": str(newest) if newest else None}


class AnnounceBackfillOperator(SystemOperator):
    """Announces its outlets for the newest day where a backfill changed its values; the online store follows.

    A step of its own, since Airflow announces the outlets of every task that succeeds.

    Args:
        backfill_task_id: the `BackfillPartitionOperator`.
        kwargs: as of `SystemOperator`.
    """

    def __init__(self, *, backfill_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backfill_task_id = backfill_task_id

    def perform(self, context: Context) -> dict[str, int]:
        """Announce the newest day; return the number of replaced partitions by table."""
        found: Mapping[str, Any] = context["ti"].xcom_pull(task_ids=self.backfill_task_id)
        if found["newest"] is None:
            raise AirflowSkipException("Nothing to do: the values of the newest day are as they were.")
        self.announce(context, Days.parse(found["newest"]), found["replaced"])
        return dict(found["replaced"])


def _correction(operator: SystemOperator, context: Context) -> Correction:
    from ai_patterns.jobs.correction import Correction

    asked = context["params"]
    streams = [asked["stream"]] if asked.get("stream") else None
    origin: Origin = asked.get("origin") or "sources"
    try:
        return Correction.of(
            operator.spec, operator.days_of(context), streams, origin, asked.get("overrides"), asked.get("fix_sql")
        )
    except LookupError as error:
        raise SpecError(str(error.args[0]), field="params") from None
