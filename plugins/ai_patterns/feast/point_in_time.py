"""Point-in-time SQL over tables of feature values, on DuckDB.

What decides between rows of one entity: the later event time; then the later created time, where there is one; then
the hash of the row's features, so that neither the order of files nor the number of threads shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.core.sessions import Limits, connect
from ai_patterns.feast.keys import key_order

READ = 50_000
"""Rows of a batch that is read from DuckDB."""


@dataclass(frozen=True)
class Source:
    """A table of feature values, and the names under which its columns are wanted.

    Attributes:
        data: the table.
        keys: entity column -> name of the column that it is joined with.
        features: feature column -> name in the result.
        time: the event time's column; a table without it is valid since 1970.
        created: the column that breaks ties between rows of one entity and time.
        known: the column that tells since when a row is known; without it that is the event time. A row whose known
            time is null is never known.
        ttl: values older than this count as absent; zero keeps them for ever.
        instants_as_integers: whether instants are read as microseconds since 1970.
    """

    data: ds.Dataset
    keys: Mapping[str, str]
    features: Mapping[str, str]
    time: str
    created: str | None = None
    known: str | None = None
    ttl: timedelta = timedelta(0)
    instants_as_integers: bool = False


@dataclass(frozen=True)
class Window:
    """Rows from one instant to another, both included; `None` leaves a side open."""

    start: datetime | None = None
    end: datetime | None = None


def point_in_time(entities: pa.Table, time: str, sources: Sequence[Source], limits: Limits | None = None) -> pa.Table:
    """Join each entity row with the newest values that were known at its time.

    Args:
        entities: any rows with the entity columns.
        time: their column that holds an instant: a timestamp, a date or ISO 8601 text; without a time zone it is UTC.
        sources: the tables to join.
        limits: DuckDB's; by default those of the environment.

    Returns:
        One row for each entity row, in their order: its columns as they are, then the features.
    """
    connection = connect(limits)
    wanted = dict.fromkeys(name for source in sources for name in source.keys.values())
    columns = {f"k{number}": entities.column(name) for number, name in enumerate(wanted)}
    keys = dict(zip(wanted, columns, strict=True))
    rows = pa.table({**columns, "t": entities.column(time), "r": pa.array(range(entities.num_rows), pa.int64())})
    connection.register("asked", rows)
    connection.execute(f"CREATE TEMP TABLE e AS SELECT * REPLACE ({_instant(rows)} AS t) FROM asked")
    selected, joins = ["e.r"], []
    for number, source in enumerate(sources):
        name = f"v{number}"
        connection.register(f"s{number}", source.data)
        conditions = [f"e.{keys[column]} = {name}.{_q(key)}" for key, column in source.keys.items()]
        matches = " AND ".join([*conditions, f"e.t >= {name}.__from"])
        joins.append(f"ASOF LEFT JOIN ({_versions(connection, source, number)}) {name} ON {matches}")
        selected += [f"{_alive(source, name, key)} AS f{number}_{at}" for at, key in enumerate(source.features)]
    found = connection.sql(f"SELECT {', '.join(selected)} FROM e {' '.join(joins)} ORDER BY e.r").to_arrow_table()
    names = [out for source in sources for out in source.features.values()]
    for place, out in enumerate(names, start=1):
        entities = entities.append_column(out, found.column(place))
    return entities.combine_chunks()


def latest_rows(
    source: Source, parts: Sequence[tuple[ds.Dataset, Window]], limits: Limits | None = None, *, ordered: bool = False
) -> pa.RecordBatchReader:
    """The newest row of each entity.

    Args:
        source: names the columns.
        parts: tables, and the windows of them that count.
        limits: DuckDB's; by default those of the environment.
        ordered: whether in the order of the serialized entity keys.

    Returns:
        The keys, the features, the time and, where the source has it, the created time.
    """
    connection = connect(limits)
    selected = []
    for number, (data, window) in enumerate(parts):
        connection.register(f"s{number}", data)
        selected.append(_columns(connection, source, number, window))
    keys = ", ".join(_q(key) for key in source.keys)
    order = f"row_number() OVER ({f'PARTITION BY {keys} ' if keys else ''}ORDER BY __time DESC, {_ties(source)})"
    query = f"SELECT {_result(source)} FROM ({' UNION ALL '.join(selected)}) QUALIFY {order} = 1"
    if ordered and source.keys:
        types = {row[0]: str(row[1]) for row in connection.execute(f"DESCRIBE {query}").fetchall()}
        query += f" ORDER BY {', '.join(key_order({key: types[key] for key in source.keys}))}"
    return connection.sql(query).to_arrow_reader(READ)


def rows_between(source: Source, window: Window, limits: Limits | None = None) -> pa.RecordBatchReader:
    """Every row in a window, the oldest first; columns as of `latest_rows`."""
    connection = connect(limits)
    connection.register("s0", source.data)
    rows = _columns(connection, source, 0, window)
    query = f"SELECT {_result(source)} FROM ({rows}) ORDER BY __time, __created NULLS FIRST"
    return connection.sql(query).to_arrow_reader(READ)


def _versions(connection: duckdb.DuckDBPyConnection, source: Source, number: int) -> str:
    """Each entity's values, and from when on they were the newest that was known."""
    columns = _columns(connection, source, number, _asked(connection, source))
    keys = [_q(key) for key in source.keys]
    if source.known is None:
        once = f"row_number() OVER (PARTITION BY {', '.join([*keys, '__time'])} ORDER BY {_ties(source)})"
        return f"SELECT *, __time AS __from FROM ({columns}) QUALIFY {once} = 1"
    # The order of rank is that of being newer; the greatest rank known so far is what counts from there on.
    rank = f"row_number() OVER (ORDER BY __time, {_ties(source, 'ASC', 'FIRST')}) AS __rank"
    ranked = f"SELECT *, {rank} FROM ({columns}) WHERE __known IS NOT NULL"
    partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
    since = "greatest(__time, __known)"
    newest = f"max(__rank) OVER ({partition}ORDER BY {since}) AS __rank"
    best = f"SELECT DISTINCT {since} AS __from, {newest} FROM ranked{number}"
    connection.execute(f"CREATE TEMP TABLE ranked{number} AS {ranked}")
    return f"SELECT * FROM ranked{number} JOIN ({best}) USING (__rank)"


def _asked(connection: duckdb.DuckDBPyConnection, source: Source) -> Window:
    """What can matter to the entity rows at all."""
    first, last = connection.sql("SELECT min(t), max(t) FROM e").fetchall()[0]
    return Window(first - source.ttl if source.ttl and first else None, last)


def _columns(connection: duckdb.DuckDBPyConnection, source: Source, number: int, window: Window) -> str:
    table = f"s{number}"
    types = {row[0]: str(row[1]) for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    features = [_feature(name, types.get(name, ""), source.instants_as_integers) for name in source.features]
    time = f"CAST({_q(source.time)} AS TIMESTAMPTZ)" if source.time in types else "to_timestamp(0)"
    created = _q(source.created) if source.created else "NULL"
    known = f"CAST({_q(source.known)} AS TIMESTAMPTZ)" if source.known else "NULL"
    selected = [*(_q(key) for key in source.keys), *features]
    selected += [f"{time} AS __time", f"{created} AS __created", f"{known} AS __known"]
    bounds = [f"__time >= {_literal(window.start)}"] if window.start else []
    bounds += [f"__time <= {_literal(window.end)}"] if window.end else []
    rows = f"SELECT {', '.join(selected)} FROM {table}"
    return f"SELECT * FROM ({rows}) WHERE {' AND '.join(['__time IS NOT NULL', *bounds])}"


def _ties(source: Source, direction: str = "DESC", nulls: str = "LAST") -> str:
    content = f"hash({', '.join(_q(name) for name in source.features)})" if source.features else "0"
    return f"__created {direction} NULLS {nulls}, {content} {direction}"


def _feature(name: str, kind: str, instants_as_integers: bool) -> str:
    if instants_as_integers and kind.startswith("TIMESTAMP"):
        return f"epoch_us({_q(name)}) AS {_q(name)}"
    return _q(name)


def _alive(source: Source, alias: str, name: str) -> str:
    value = f"{alias}.{_q(name)}"
    if not source.ttl:
        return value
    return (
        f"CASE WHEN {alias}.__time >= e.t - to_microseconds({source.ttl // timedelta(microseconds=1)}) THEN {value} END"
    )


def _result(source: Source) -> str:
    columns = [_q(name) for name in (*source.keys, *source.features)]
    columns.append(f"__time AS {_q(source.time)}")
    return ", ".join(columns + ([f"__created AS {_q(source.created)}"] if source.created else []))


def _instant(rows: pa.Table) -> str:
    kind = rows.schema.field("t").type
    aware = pa.types.is_string(kind) or pa.types.is_large_string(kind) or getattr(kind, "tz", None)
    return "CAST(t AS TIMESTAMPTZ)" if aware else "timezone('UTC', CAST(t AS TIMESTAMP))"


def _literal(moment: datetime) -> str:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"TIMESTAMPTZ '{aware.isoformat()}'"


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
