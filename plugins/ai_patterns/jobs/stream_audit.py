"""One stream's audit: its raw rows cast, checked, judged by day, and split into good and bad."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.expectations import UserFailure, check_user_suite, failing_rows
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days
from ai_patterns.core.quality import (
    DAY_NUMBER,
    MISTYPED,
    Expectation,
    Refusal,
    Verdict,
    measure,
    partition_expectations,
    refuse,
    row_expectations,
)
from ai_patterns.engines.rows import POSITION, RAW_DAY, cast_rows, to_json
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

QUARANTINE_SCHEMA = pa.schema(
    [
        (DAY, pa.date32()),
        ("key", pa.string()),
        ("column", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        ("run_id", pa.string()),
        ("quarantined_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class StreamAudit:
    """What the audit found in one stream.

    Attributes:
        rows: rows that came.
        refused: rows per `column: reason`.
        verdicts: every rule about a day.
        good: rows to publish, with `day`; None where a column is missing.
        quarantine: rows to set apart.
    """

    rows: int
    refused: dict[str, int]
    verdicts: tuple[Verdict, ...]
    good: pa.Table | None
    quarantine: pa.Table


def audit_rows(system: SystemSpec, name: str, raw: pa.Table, days: Days, run_id: str) -> StreamAudit:
    """Audit the raw rows of one stream (with `RAW_DAY`) as the partitions of `days`."""
    stream = system.streams[name]
    missing = [column for column in stream.columns if column not in raw.column_names]
    if missing:
        verdicts = tuple(
            Verdict(day, "column_exists", column, None, None, passed=False, count=_rows_of(raw, day))
            for column in missing
            for day in days
        )
        return StreamAudit(raw.num_rows, {}, verdicts, None, QUARANTINE_SCHEMA.empty_table())
    typed, refusals, user_verdicts = check_rows(system, name, raw)
    verdicts = (*_judge(typed, stream, refusals, days), *user_verdicts)
    counts = Counter(f"{refusal.column}: {refusal.reason}" for refusal in refusals.values())
    log.info("%s: %d rows, %d of them bad %s", name, typed.num_rows, len(refusals), dict(counts) or "")
    return StreamAudit(
        typed.num_rows,
        dict(counts),
        verdicts,
        _good(typed, stream, refusals),
        _quarantine(raw, typed, stream, refusals, run_id),
    )


def check_rows(
    system: SystemSpec, name: str, raw: pa.Table
) -> tuple[pa.Table, dict[int, Refusal], tuple[Verdict, ...]]:
    """Cast raw rows and check each.

    Returns:
        The typed rows (see `cast_rows`), the bad ones among them, and the user's verdicts on days.
    """
    stream = system.streams[name]
    typed = cast_rows(raw, stream)
    refusals = _refuse(typed, stream)
    return typed, refusals, tuple(_apply_user_suite(system, stream, typed, refusals))


def _refuse(typed: pa.Table, stream: StreamSpec) -> dict[int, Refusal]:
    failures = failing_rows(typed, row_expectations(stream))
    rows = {rule.kind: found for rule, found in failures}
    names = dict(zip(rows.get("type", ()), _values(typed, (MISTYPED,), rows.get("type", [])), strict=True))
    repeated = rows.get("unique", [])
    keys = dict(zip(repeated, _values(typed, (DAY_NUMBER, *stream.key), repeated), strict=True))
    return refuse(failures, {row: str(name[0]) for row, name in names.items()}, keys)


def _values(table: pa.Table, columns: tuple[str, ...], rows: list[int]) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in table.select(list(columns)).take(pa.array(rows, pa.int64())).to_pylist()]


def _apply_user_suite(
    system: SystemSpec, stream: StreamSpec, typed: pa.Table, refusals: dict[int, Refusal]
) -> Iterator[Verdict]:
    """Judge each day by the user's suite: add the rows that it refuses, yield its verdicts on days."""
    if stream.suite is None:
        return
    for day in typed[RAW_DAY].unique().to_pylist():
        positions = pc.indices_nonzero(pc.equal(typed[RAW_DAY], day)).to_pylist()
        rows = typed.take(pa.array(positions, pa.int64())).select(list(stream.columns))
        for failure in check_user_suite(rows, system.folder / stream.suite):
            if failure.rows is None:
                yield _user_verdict(day, failure)
            for row in failure.rows or ():
                refusals.setdefault(positions[row], Refusal(failure.column, failure.name))


def _user_verdict(day: dt.date, failure: UserFailure) -> Verdict:
    return Verdict(day, failure.name, failure.column, None, None, passed=False, count=failure.count)


def _judge(typed: pa.Table, stream: StreamSpec, refusals: dict[int, Refusal], days: Days) -> Iterator[Verdict]:
    """Measure each day, and check the measures."""
    bad = Counter(typed[RAW_DAY].take(pa.array(sorted(refusals), pa.int64())).to_pylist())
    nullable = [name for name, column in stream.columns.items() if column.max_null_share is not None]
    grouped = typed.group_by(RAW_DAY).aggregate(
        [([], "count_all"), *((name, "count", pc.CountOptions("only_null")) for name in nullable)]
    )
    found = {row[RAW_DAY]: row for row in grouped.to_pylist()}
    counts = {day: found.get(day, {}) for day in days}
    measures = [
        {
            DAY: day,
            **measure(row.get("count_all", 0), bad[day], {name: row.get(f"{name}_count", 0) for name in nullable}),
        }
        for day, row in counts.items()
    ]
    rules = partition_expectations(stream)
    failed = dict(failing_rows(pa.Table.from_pylist(measures), rules))
    for rule in rules:
        broken = set(failed.get(rule, ()))
        for number, row in enumerate(measures):
            yield _verdict(rule, row, passed=number not in broken)


def _verdict(rule: Expectation, row: dict[str, object], *, passed: bool) -> Verdict:
    name, _, column = rule.column.partition(".")
    value, bound = float(str(row[rule.column])), rule.minimum if rule.maximum is None else rule.maximum
    rows = float(str(row["rows"]))
    count = round(value if name == "rows" else value * rows)
    return Verdict(dt.date.fromisoformat(str(row[DAY])), name, column, value, bound, passed=passed, count=count)


def _good(typed: pa.Table, stream: StreamSpec, refusals: dict[int, Refusal]) -> pa.Table:
    kept = np.ones(typed.num_rows, np.bool_)
    kept[list(refusals)] = False
    good = typed.filter(pa.array(kept)) if refusals else typed
    return good.select(list(stream.columns)).append_column(DAY, good[RAW_DAY])


def _quarantine(
    raw: pa.Table, typed: pa.Table, stream: StreamSpec, refusals: dict[int, Refusal], run_id: str
) -> pa.Table:
    rows = sorted(refusals)
    bad = typed.take(pa.array(rows, pa.int64()))
    now = dt.datetime.now(dt.UTC)
    columns = {
        DAY: bad[RAW_DAY],
        "key": ["|".join(map(str, key)) for key in _values(typed, stream.key, rows)],
        "column": [refusals[row].column for row in rows],
        "reason": [refusals[row].reason for row in rows],
        "raw": to_json(raw.drop_columns([RAW_DAY]).take(bad[POSITION])),
        "run_id": [run_id] * len(rows),
        "quarantined_at": [now] * len(rows),
    }
    return pa.table(columns, schema=QUARANTINE_SCHEMA)


def _rows_of(raw: pa.Table, day: dt.date) -> int:
    return int(pc.sum(pc.equal(raw[RAW_DAY], day)).as_py() or 0)
