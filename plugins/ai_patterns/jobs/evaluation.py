"""The evaluation ladder: what each family of features adds, month by month, as it would have been lived."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.fitting import fit, labels, with_columns
from ai_patterns.core.metrics import Vector, measure
from ai_patterns.jobs.training import read_labelled
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

Month = dt.date
"""First day of a month."""


def evaluate(system: SystemSpec, lake: Lake, first: Month, last: Month) -> list[dict[str, Any]]:
    """Climb the ladder: families of features in declared order, retrained at the start of each month.

    The model of a month is fitted on every decision since the system's start whose label was known before the
    month began, and predicts the month. Metrics of a rung are those of all months together.

    Args:
        system: the system; its training set must reach from its start to the end of `last`.
        lake: its lake.
        first: first day of the first month that is predicted.
        last: first day of the last month.

    Returns:
        One dictionary a rung: `rung`, `columns`, `rows`, the task's metrics, and `months` with the same by month.
    """
    rows = read_labelled(system, lake, Days(system.start, months_between(first, last)[-1].last))
    return [_climb(rung, columns, system, rows, months_between(first, last)) for rung, columns in rungs(system)]


def rungs(system: SystemSpec) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name of each family, with the columns of it and of all before it."""
    columns: tuple[str, ...] = ()
    for name, family in system.model.features.items():
        columns += family
        yield name, columns


def months_between(first: Month, last: Month) -> list[Days]:
    """The months from `first` to `last`, both included.

    >>> [str(month) for month in months_between(dt.date(2013, 12, 1), dt.date(2014, 1, 1))]
    ['2013-12-01/2013-12-31', '2014-01-01/2014-01-31']
    """
    months, start = [], first.replace(day=1)
    while start <= last:
        end = (start + dt.timedelta(days=31)).replace(day=1)
        months.append(Days(start, end - dt.timedelta(days=1)))
        start = end
    return months


def _climb(
    rung: str, columns: tuple[str, ...], system: SystemSpec, rows: pa.Table, months: Sequence[Days]
) -> dict[str, Any]:
    narrowed, task = with_columns(system, columns), system.model.task
    results = [_live_through(narrowed, rows, month) for month in months]
    by_month = [
        {"month": f"{month.first:%Y-%m}", "rows": len(truth), **measure(task, truth, predicted)}
        for month, (truth, predicted) in zip(months, results, strict=True)
    ]
    truth, predicted = (np.concatenate([result[side] for result in results]) for side in (0, 1))
    metrics = measure(task, truth, predicted)
    figures = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    log.info("rung %s (%d columns, %d rows): %s", rung, len(columns), len(truth), figures)
    return {"rung": rung, "columns": len(columns), "rows": len(truth), **metrics, "months": by_month}


def _live_through(system: SystemSpec, rows: pa.Table, month: Days) -> tuple[Vector, Vector]:
    """Truth and prediction of one month by the model that could be trained when it began."""
    start, end = (pa.scalar(instant, pa.timestamp("us", tz="UTC")) for instant in (month.start, month.end))
    known = rows.filter(pc.less(rows["label_known_at"], start))
    decided = rows["decided_at"]
    lived = rows.filter(pc.and_(pc.greater_equal(decided, start), pc.less(decided, end)))
    log.info("%s: fitting %d columns on %d rows", month, len(system.model.columns), known.num_rows)
    return labels(lived), fit(system, known).predict(lived)
