"""Which days, and which instant, a task works on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ai_patterns.core.days import Days
from ai_patterns.errors import SpecError

_HINT = "give the param `days`, such as 2013-04-01 or 2013-04-01/2013-04-07, or trigger the run with a partition key"


def days_of(context: Mapping[str, Any], explicit: str | None = None) -> Days:
    """The days of a run.

    In this order: the operator's own argument, the run's param `days` (from its form or conf), the run's
    partition key, its data interval, its logical date.

    Raises:
        SpecError: the key has another form, or nothing tells the days.
    """
    run = context.get("dag_run")
    key = explicit or _param(context, "days") or getattr(run, "partition_key", None)
    try:
        days = Days.parse(key) if key else _dated(context)
    except ValueError as error:
        raise SpecError(str(error), field="days") from None
    if days is None:
        raise SpecError(f"nothing tells this run which days to work on; {_HINT}", field="days")
    return days


def moment_of(context: Mapping[str, Any], explicit: str | None = None, days: Days | None = None) -> dt.datetime:
    """The instant (UTC) that counts as "now": the argument, the run's param `as_of`, else the end of its days.

    Raises:
        SpecError: it is no ISO date or time.
    """
    text = explicit or _param(context, "as_of")
    if not text:
        return (days or days_of(context)).end
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise SpecError(f"{text!r} is no instant such as 2013-04-08T00:00:00+00:00", field="as_of") from None
    return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)


def _param(context: Mapping[str, Any], name: str) -> str | None:
    return (context.get("params") or {}).get(name)


def _dated(context: Mapping[str, Any]) -> Days | None:
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is not None and end is not None and end.date() > start.date():
        return Days(start.date(), end.date() - dt.timedelta(days=1))
    logical = context.get("logical_date")
    return None if logical is None else Days(logical.date(), logical.date())
