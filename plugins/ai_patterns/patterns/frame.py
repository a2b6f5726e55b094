"""What all DAGs of the package have in common."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from airflow.sdk import (
    DAG,
    CronPartitionTimetable,
    CronTriggerTimetable,
    ExceptionRetryPolicy,
    Param,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    RetryAction,
    RetryRule,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from ai_patterns.core.days import midnight
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.patterns.assets import Noun, asset
from ai_patterns.spec.durations import format_duration
from ai_patterns.spec.operation import Step
from ai_patterns.spec.system import SystemSpec
from ai_patterns.triggers.deadline_missed import deadline_missed

KEY_PATTERN = r"^\d{4}-\d{2}-\d{2}(/\d{4}-\d{2}-\d{2})?$"
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=ServiceUnavailableError,
            action=RetryAction.RETRY,
            retry_delay=dt.timedelta(seconds=20),
            reason="a service is away; it may come back",
        )
    ]
)


def system_dag(
    system: SystemSpec,
    step: Step,
    *,
    schedule: object,
    description: str,
    pattern: str | None = None,
    params: Mapping[str, Param] | None = None,
) -> DAG:
    """The DAG `{system}__{step}`, without tasks.

    Args:
        system: the system's spec.
        step: the pattern, or a step of it.
        schedule: a timetable.
        description: one sentence.
        pattern: the pattern, where it differs from the step; a tag.
        params: further params beside `days` and `as_of`.
    """
    return DAG(
        dag_id=f"{system.name}__{step}",
        schedule=schedule,
        description=description,
        start_date=midnight(system.start),
        catchup=False,
        max_active_runs=1,
        deadline=_deadline(system, step),
        tags=sorted({"ai-patterns", system.name, pattern or step, *system.tags}),
        params={"days": days_param(), "as_of": as_of_param(), **(params or {})},
        default_args={
            "owner": system.owner,
            "retries": 2,
            "retry_delay": dt.timedelta(seconds=5),
            "retry_policy": RETRY_POLICY,
            "pool": system.pools.get(step),
        },
        doc_md=f"{description}\n\nSystem **{system.name}**: {system.description}",
    )


def _deadline(system: SystemSpec, step: Step) -> list[DeadlineAlert]:
    allowed = system.deadlines.get(step)
    if allowed is None:
        return []
    told = {"system": system.name, "step": step, "allowed": format_duration(allowed)}
    callback = AsyncCallback(deadline_missed, kwargs=told)
    return [DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=allowed, callback=callback)]


def days_param() -> Param:
    """The form's field for the days."""
    return Param(
        None,
        type=["null", "string"],
        pattern=KEY_PATTERN,
        title="Days",
        description="A UTC day such as 2013-04-01, or a closed range such as 2013-04-01/2013-04-07. "
        "Empty: the run's partition key or interval.",
    )


def as_of_param() -> Param:
    """The form's field for the simulated time."""
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="As of",
        description="The instant that counts as now (UTC). Empty: the end of the days.",
    )


def change_params() -> dict[str, Param]:
    """The form's fields of a change of the champion."""
    version = "A version of the model, or an alias. Empty: the challenger."
    return {
        "version": Param(None, type=["null", "string"], title="Version", description=version),
        "reason": Param(None, type=["null", "string"], title="Reason", description="Written into the ledger."),
    }


def daily(cron: str | None) -> Any:
    """One run a day for the day before, backfillable by day; by hand alone where there is no cron expression."""
    if cron is None:
        return PartitionedAtRuntime()
    return CronPartitionTimetable(cron, timezone="UTC", run_offset=-1, key_format="%Y-%m-%d")


def weekly(cron: str | None) -> Any:
    """Runs whose interval is the seven days before; by hand alone where there is no cron expression."""
    return None if cron is None else CronTriggerTimetable(cron, timezone="UTC", interval=dt.timedelta(days=7))


def woken_by(system: SystemSpec, noun: Noun) -> PartitionedAssetTimetable:
    """A run for each partition of the asset, with the same key."""
    return PartitionedAssetTimetable(assets=asset(system.name, noun))
