"""Extraction: each stream's SQL over the raw sources, into staging; and the dimension tables."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.clients.sources import ReadQuery, Source, open_source
from ai_patterns.clients.staging import Staging
from ai_patterns.core.days import Days
from ai_patterns.core.table_cache import TableCache
from ai_patterns.engines.rows import RAW_DAY, assign_days, cast_table, run_sql, tables_of
from ai_patterns.errors import DataQualityError, ServiceUnavailableError
from ai_patterns.spec.streams import TableSpec
from ai_patterns.spec.system import SystemSpec

Origin = Literal["sources", "topics"]
"""Where streams are extracted from: their SQL over the sources, or what landed of their topics."""

log = logging.getLogger(__name__)

_KEEP_STAGING = dt.timedelta(days=7)
_cache = TableCache(512 * 2**20)
"""Files, and results of queries over them, so that a process parses each once: for all streams, and day after day."""


def extract(  # noqa: PLR0913  each is a choice of the run
    system: SystemSpec,
    lake: Lake,
    days: Days,
    *,
    run_id: str,
    read_query: ReadQuery | None = None,
    overrides: Mapping[str, str] | None = None,
    origin: Origin = "sources",
    offsets: Mapping[str, Mapping[int, int]] | None = None,
) -> dict[str, int]:
    """Write the rows that became known within `days` to the run's staging, as they came.

    Args:
        system: what to read.
        lake: where staging lies.
        days: UTC days of known time.
        run_id: names the staging.
        read_query: runs the queries of query sources.
        overrides: source name -> a CSV or Parquet file to read instead, for this run.
        origin: `topics` reads streams that have a topic from what landed of it, each event once.
        offsets: with `topics`, by stream and partition, the offsets at which to stop; by default all that landed.

    Returns:
        Rows of each stream.

    Raises:
        ServiceUnavailableError: a source is away, or nothing has landed yet.
        DataQualityError: a source lacks a column that the SQL names, or a time column is missing.
    """
    staging = Staging(lake, run_id)
    staging.discard()
    staging.prune(before=dt.datetime.now(dt.UTC) - _KEEP_STAGING)
    counts = {}
    for name in system.streams:
        if origin == "topics" and system.streams[name].topic is not None:
            rows = landed_rows(system, lake, name, days, (offsets or {}).get(name))
        else:
            rows = raw_rows(system, name, days, read_query, overrides)
        staging.write(name, rows)
        counts[name] = rows.num_rows
        log.info("Extracted %d rows of %s that became known in %s.", rows.num_rows, name, days)
    return counts


def raw_rows(
    system: SystemSpec,
    stream: str,
    days: Days,
    read_query: ReadQuery | None = None,
    overrides: Mapping[str, str] | None = None,
) -> pa.Table:
    """The rows of a stream that became known within `days`, as its SQL gives them, and their partition.

    Raises:
        ServiceUnavailableError: a source is away.
        DataQualityError: a source lacks a column that the SQL names, or a time column is missing.
    """
    raw = _raw_stream(system, stream, read_query, overrides or {})
    return raw.filter(pc.and_(pc.greater_equal(raw[RAW_DAY], days.first), pc.less_equal(raw[RAW_DAY], days.last)))


def known_days(system: SystemSpec, read_query: ReadQuery | None = None) -> Days:
    """From the first to the last day on which a row of any stream becomes known, as the sources are now.

    Raises:
        ServiceUnavailableError: a source is away, or all are empty.
        DataQualityError: a source lacks a column that the SQL names, or a time column is missing.
    """
    spans = [pc.min_max(_raw_stream(system, name, read_query, {})[RAW_DAY]).as_py() for name in system.streams]
    days = [day for span in spans for day in span.values() if day is not None]
    if not days:
        raise ServiceUnavailableError(f"the sources of {system.name!r} are empty", conn_id="ai_patterns_lake")
    return Days(min(days), max(days))


def load_dimensions(
    system: SystemSpec,
    lake: Lake,
    read_query: ReadQuery | None = None,
    overrides: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """Replace every dimension table; return its rows.

    Raises:
        ServiceUnavailableError: a source is away.
        DataQualityError: a column is missing, or a key is missing or repeated.
    """
    counts = {}
    for name, spec in system.dimensions.items():
        sql, sources = _query_of(system, spec, read_query, overrides or {})
        raw = run_sql(sql, {source: item.read() for source, item in sources.items()}, name)
        _require_columns(raw, tuple(spec.columns), name)
        rows = cast_table(raw, spec)
        _require_keys(rows, spec, name)
        lake.replace(f"dimensions/{name}", rows)
        counts[name] = rows.num_rows
        log.info("Loaded %d rows of the dimension %s.", rows.num_rows, name)
    return counts


def landed_rows(
    system: SystemSpec, lake: Lake, name: str, days: Days, offsets: Mapping[int, int] | None = None
) -> pa.Table:
    """The rows of a stream that became known within `days`, as they landed of its topic, and their partition.

    Raises:
        ServiceUnavailableError: nothing has landed yet.
    """
    from ai_patterns.jobs.landed_events import landed_events

    within = (ds.field(DAY) >= pa.scalar(days.first)) & (ds.field(DAY) <= pa.scalar(days.last))
    rows = landed_events(system, lake, name, within, offsets)
    return rows.rename_columns([*rows.column_names[:-1], RAW_DAY])


def _raw_stream(system: SystemSpec, name: str, read_query: ReadQuery | None, overrides: Mapping[str, str]) -> pa.Table:
    """All rows of a stream with their partition."""
    spec = system.streams[name]
    sql, sources = _query_of(system, spec, read_query, overrides)
    signatures = {source: item.signature() for source, item in sources.items()}
    key = (sql, spec.known_time, spec.event_time, system.start, tuple(sorted(signatures.items(), key=lambda i: i[0])))

    def make() -> pa.Table:
        tables = {
            source: _cache.get(signatures[source], item.read, first_to_go=True) for source, item in sources.items()
        }
        raw = run_sql(sql, tables, name)
        _require_columns(raw, (spec.known_time, spec.event_time), name)
        return assign_days(raw, spec, str(system.start))

    return _cache.get(None if None in signatures.values() else key, make)


def _query_of(
    system: SystemSpec, table: TableSpec, read_query: ReadQuery | None, overrides: Mapping[str, str]
) -> tuple[str, dict[str, Source]]:
    """A table's SQL, and the sources that it reads."""
    sql = (system.folder / table.sql).read_text("utf-8")
    return sql, {
        name: open_source(
            name, system.sources[name], system.folder, read_query=read_query, override=overrides.get(name)
        )
        for name in sorted(tables_of(sql) & system.sources.keys())
    }


def _require_columns(rows: pa.Table, columns: tuple[str, ...], table: str) -> None:
    for column in columns:
        if column not in rows.column_names:
            raise DataQualityError(
                f"column_exists of {table}.{column} failed: its SQL gives no such column ({rows.num_rows} rows)"
            )


def _require_keys(rows: pa.Table, spec: TableSpec, table: str) -> None:
    keys = rows.select(list(spec.key))
    missing = sum(column.null_count for column in keys.columns)
    repeated = rows.num_rows - keys.group_by(list(spec.key)).aggregate([]).num_rows
    if missing or repeated:
        raise DataQualityError(
            f"unique key of dimension {table} failed: {missing} keys are missing, {repeated} are repeated"
        )
