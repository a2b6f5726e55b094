"""Verdicts of all gates and watchers, one row each, in the table `checks`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days

CHECKS = "checks"
_ORDER = (DAY, "check", "subject")

SCHEMA = pa.schema(
    [
        (DAY, pa.date32()),
        ("family", pa.string()),
        ("check", pa.string()),
        ("subject", pa.string()),
        ("value", pa.float64()),
        ("bound", pa.float64()),
        ("passed", pa.bool_()),
        ("detail", pa.string()),
        ("checked_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class CheckRow:
    """One verdict.

    Attributes:
        day: the UTC day that was checked; for a range, its last day.
        check: what was checked, such as `quality/null_share`.
        subject: on what, such as `weather.temp`.
        value: what was found; None where no number tells it.
        bound: the value at which it fails; None likewise.
        detail: one sentence for people.
        checked_at: when, UTC.
    """

    day: dt.date
    check: str
    subject: str
    value: float | None
    bound: float | None
    passed: bool
    detail: str = ""
    checked_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


def record_checks(lake: Lake, rows: Sequence[CheckRow], *, family: str, days: Days) -> int:
    """Replace the verdicts of one family (`quality`, `drift`...) on `days` in one commit.

    Returns:
        The number of rows written.
    """
    table = pa.Table.from_pylist([{**asdict(row), "family": family} for row in rows], schema=SCHEMA)
    predicate = f"family = '{family}' AND {DAY} >= '{days.first}' AND {DAY} <= '{days.last}'"
    lake.replace_where(CHECKS, table, predicate, partition_by=(DAY, "family"))
    return len(rows)


def read_alarms(lake: Lake, days: Days) -> list[str]:
    """The failed verdicts of `days` in words: check, subject and detail; none where nothing was checked."""
    if not lake.exists(CHECKS):
        return []
    failed = lake.read(CHECKS, days).filter(~ds.field("passed")).sort_by([(name, "ascending") for name in _ORDER])
    return [f"{row['check']} of {row['subject']}: {row['detail']}" for row in failed.to_pylist()]
