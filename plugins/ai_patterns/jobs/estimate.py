"""What the scores of each week expect of a metric, beside what the labels said."""

from __future__ import annotations

import datetime as dt

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.estimate import EXPECTED, Estimate, with_bands
from ai_patterns.core.predictions import TABLE
from ai_patterns.engines import duckdb
from ai_patterns.jobs.status import read_weeks
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.spec.system import SystemSpec

WEEK = dt.timedelta(days=7)


def read_estimates(system: SystemSpec, lake: Lake, metric: str) -> list[Estimate]:
    """Weeks of a metric, the measured ones and those after them that hold predictions; empty where it has no estimate.

    A week ends on a day of the table `performance`, and after the last of them every seven days; its decisions count
    once, by the prediction that was acted on. No gate reads this.
    """
    facts, measured = table_facts(lake, TABLE), {row["day"]: row.get(metric) for row in read_weeks(lake)}
    if metric not in EXPECTED or facts is None or facts.last_day is None or not measured:
        return []
    ends = [*sorted(measured)]
    while ends[-1] < facts.last_day:
        ends.append(ends[-1] + WEEK)
    expected = {end: _expected(system, lake, metric, end) for end in ends}
    return with_bands([(end, value, measured.get(end)) for end, value in expected.items() if value is not None])


def _expected(system: SystemSpec, lake: Lake, metric: str, end: dt.date) -> float | None:
    rows = lake.dataset(TABLE, Days(end - WEEK + dt.timedelta(days=1), end))
    key = ", ".join(system.decision_stream.key)
    sql = f"""
SELECT {EXPECTED[metric]} AS expected FROM (
  SELECT score FROM rows
  QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY mode <> 'online', served_at, prediction_id) = 1)"""
    found: float | None = duckdb.run(sql, {"rows": rows})["expected"][0].as_py()
    return found
