"""Readmission: quarantined rows, mended by SQL or let in by a changed spec, back into the stream."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days
from ai_patterns.engines.duckdb import run
from ai_patterns.engines.rows import POSITION, RAW_DAY, assign_days, from_json, run_sql
from ai_patterns.errors import DataQualityError
from ai_patterns.jobs.stream_audit import check_rows
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

_PLACE = "_place"


@dataclass(frozen=True)
class ReadmissionReport:
    """What became of the quarantined rows.

    Attributes:
        readmitted: rows that are events now.
        refused: rows that stay, per `column: reason`.
    """

    readmitted: int
    refused: dict[str, int]


def readmit(system: SystemSpec, lake: Lake, stream: str, days: Days, fix_sql: str | None = None) -> ReadmissionReport:
    """Check the quarantined rows of `days` again, and publish those that now pass.

    A row stays in quarantine where it still fails, where its known time lies outside `days`, and where its key is
    among the day's events. A later ingestion replaces the day as a whole, readmitted rows included.

    Args:
        system: the system, perhaps with a mended spec.
        lake: its lake.
        stream: the stream's name.
        days: UTC days.
        fix_sql: a `SELECT` over the table `quarantined`, which has the declared columns, as text, and `_place`;
            it must pass `_place` on.

    Raises:
        DataQualityError: the SQL does not run, drops a column, or gives a row twice.
    """
    waiting = lake.read(f"quarantine/{stream}", days)
    events = lake.read(f"events/{stream}", days)
    passed = _passing(system, stream, _mend(waiting, system, stream, fix_sql), days)
    new, places = _compare(passed, events, system.streams[stream])
    if new.num_rows:
        lake.replace_days(f"events/{stream}", _merge(events, new), days)
    stays = waiting.filter(pa.array([place not in places for place in range(waiting.num_rows)], pa.bool_()))
    # Events first: should the process die here, the next run finds the rows among the events and ends the work.
    lake.replace_days(f"quarantine/{stream}", stays, days)
    log.info("Readmitted %d of %d quarantined rows of %s for %s.", len(places), waiting.num_rows, stream, days)
    refused = Counter(f"{row['column']}: {row['reason']}" for row in stays.select(["column", "reason"]).to_pylist())
    return ReadmissionReport(len(places), dict(refused))


def _mend(waiting: pa.Table, system: SystemSpec, stream: str, fix_sql: str | None) -> pa.Table:
    """The raw rows, mended, each with its place among those that wait."""
    spec = system.streams[stream]
    places = pa.array(range(waiting.num_rows), pa.int64())
    rows = from_json(waiting["raw"].to_pylist(), spec).append_column(_PLACE, places)
    mended = rows if fix_sql is None else run_sql(fix_sql, {"quarantined": rows}, f"the SQL that mends {stream}")
    missing = [name for name in (*spec.columns, _PLACE) if name not in mended.column_names]
    if missing:
        raise DataQualityError(f"the SQL that mends {stream} drops the column {missing[0]!r}")
    if len(mended[_PLACE].unique()) != mended.num_rows:
        raise DataQualityError(f"the SQL that mends {stream} gives a row twice")
    return assign_days(mended, spec, str(system.start))


def _passing(system: SystemSpec, stream: str, raw: pa.Table, days: Days) -> pa.Table:
    """Typed rows that pass and lie within `days`, with `day` and their place."""
    typed, refusals, _ = check_rows(system, stream, raw)
    places = raw[_PLACE].take(typed[POSITION])
    good = [
        row not in refusals and days.first <= day <= days.last for row, day in enumerate(typed[RAW_DAY].to_pylist())
    ]
    rows = typed.select(list(system.streams[stream].columns)).append_column(DAY, typed[RAW_DAY])
    return rows.append_column(_PLACE, places).filter(pa.array(good, pa.bool_()))


def _compare(passed: pa.Table, events: pa.Table, spec: StreamSpec) -> tuple[pa.Table, set[int]]:
    """Rows whose key is new on their day, and the places of these and of rows that equal their event."""
    tables = {"passed": passed, "events": events}
    key = " AND ".join(f'e."{name}" = p."{name}"' for name in (DAY, *spec.key))
    same = " AND ".join(f'e."{name}" IS NOT DISTINCT FROM p."{name}"' for name in (DAY, *spec.columns))
    new = run(f"SELECT * FROM passed p WHERE NOT EXISTS (FROM events e WHERE {key}) ORDER BY {_PLACE}", tables)
    known = run(f"SELECT {_PLACE} FROM passed p WHERE EXISTS (FROM events e WHERE {same})", tables)
    new = new.cast(passed.schema)
    return new.drop_columns([_PLACE]), {*new[_PLACE].to_pylist(), *known[_PLACE].to_pylist()}


def _merge(events: pa.Table, new: pa.Table) -> pa.Table:
    return pa.concat_tables([events, new.select(events.column_names).cast(events.schema)])
