"""The cascading backfill, as two steps: what depends on the partition, and computing that again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Context

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
        for part in facts["dependents"]:
            part["days"] = [str(day) for day in part["days"]]
        # Airflow passes on mappings with text as keys alone.
        versions = {name: {str(version): count for version, count in facts[name].items()} for name in _BY_VERSION}
        return facts | versions


class BackfillPartitionOperator(SystemOperator):
    """Corrects the run's partition and replaces what depends on it, for all readers at once.

    A retry goes on where the last try was. Where values of the newest day changed, `{system}/batch_tiles` of that day
    is announced, so that the online store follows.
    """

    def perform(self, context: Context) -> dict[str, int]:
        """Backfill; return the number of replaced partitions by table."""
        from ai_patterns.jobs.backfill import backfill, newest_changed

        if context["params"].get("dry_run"):
            raise AirflowSkipException("Nothing to do: a dry run was asked for.")
        partitions = backfill(self.spec, self.lake, _correction(self, context), read_query)
        replaced = {table: len(days) for table, days in partitions.items()}
        newest = newest_changed(self.spec, self.lake, partitions)
        if newest is not None:
            self.announce(context, newest, replaced)
        return replaced


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
