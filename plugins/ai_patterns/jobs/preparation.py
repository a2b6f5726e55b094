"""Everything that an evaluation needs, from the sources to the training set, in a lake of its own."""

from __future__ import annotations

import datetime as dt
import logging

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.sources import ReadQuery
from ai_patterns.core.days import Days
from ai_patterns.errors import DataQualityError
from ai_patterns.jobs.extraction import known_days
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.jobs.training_set import TABLE, build_training_set
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
MONTHS_BEFORE = 3
"""Months that a first model is fitted on, where the first month to predict is not named."""


def prepare_training_set(
    system: SystemSpec, lake: Lake, until: dt.date | None = None, read_query: ReadQuery | None = None
) -> dt.date:
    """Load the whole period of the sources into the lake, unless its training set reaches `until`.

    Args:
        system: the system.
        lake: a lake that nothing else writes to.
        until: the last day that is needed; None takes whatever training set is there.
        read_query: runs the queries of query sources.

    Returns:
        The last day of the training set.

    Raises:
        ServiceUnavailableError: a source is away.
        DataQualityError: the data failed their audit, or end before `until`.
    """
    last = _last_day(lake)
    if last is None or (until is not None and last < until):
        _load(system, lake, known_days(system, read_query), read_query)
        last = _last_day(lake)
    if last is None or (until is not None and last < until):
        raise DataQualityError(f"the decisions of {system.name!r} end on {last}; {until} was asked for")
    return last


def months_to_predict(
    system: SystemSpec, last_day: dt.date, first: dt.date | None = None, last: dt.date | None = None
) -> tuple[dt.date, dt.date]:
    """First days of the first and the last month to predict.

    Args:
        system: the system; by default its fourth month is the first that is predicted.
        last_day: last day of the training set; by default its last full month is the last that is predicted.
        first: a first month.
        last: a last month.

    Raises:
        DataQualityError: there is no month between them.
    """
    first = first or _add_months(system.start, MONTHS_BEFORE)
    last = last or _add_months(last_day + dt.timedelta(days=1), -1)
    if last < first:
        raise DataQualityError(
            f"the last full month of {system.name!r} is {last:%Y-%m}, before the first to predict, {first:%Y-%m}; "
            "name an earlier one"
        )
    return first, last


def _load(system: SystemSpec, lake: Lake, days: Days, read_query: ReadQuery | None) -> None:
    log.info("1 of 3: ingesting %s", days)
    ingest(system, lake, days, run_id="prepare", read_query=read_query)
    log.info("2 of 3: building the features of %d groups", len(system.groups))
    build_features(system, lake, days)
    log.info("3 of 3: building the training set")
    build_training_set(system, lake, days)


def _last_day(lake: Lake) -> dt.date | None:
    facts = table_facts(lake, TABLE)
    return facts.last_day if facts else None


def _add_months(day: dt.date, months: int) -> dt.date:
    """First day of the month that lies `months` after that of `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, 1)
