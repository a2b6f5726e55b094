"""Point-in-time SQL over Delta tables of values, on DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
from deltalake import DeltaTable


@dataclass(frozen=True)
class Source:
    """A Delta table of values and the names under which its columns are wanted.

    Attributes:
        uri: where the table lies.
        keys: entity column -> name of the column that it is joined with.
        features: feature column -> name in the result.
        time: the column from which on a row is valid; a table without it is valid since 1970.
        created: the column that breaks ties between rows of one entity and time: the greatest wins.
        ttl: rows older than this count as absent; zero keeps them for ever.
        instants_as_integers: whether instants are read as microseconds since 1970.
    """

    uri: str
    keys: Mapping[str, str]
    features: Mapping[str, str]
    time: str
    created: str | None = None
    ttl: timedelta = timedelta(0)
    instants_as_integers: bool = False
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def renamed(self, *, keys: Mapping[str, str], features: Mapping[str, str], ttl: timedelta) -> Source:
        """The same table under other names."""
        return replace(self, keys=keys, features=features, ttl=ttl)


def point_in_time(entities: pa.Table, time: str, sources: Sequence[Source]) -> pa.Table:
    """Join each entity row with the newest values at or before its time.

    Args:
        entities: any rows with the entity columns.
        time: their column that holds an instant; naive times are UTC.
        sources: the tables to join.

    Returns:
        One row for each entity row, in their order: its columns, then the features.
    """
    connection = _connect()
    rows = entities.append_column("__row", pa.array(range(entities.num_rows), pa.int64()))
    connection.register("entities", rows)
    selected, joins = ["e.* EXCLUDE (__row)"], []
    instant = _instant(entities, time)
    for number, source in enumerate(sources):
        alias = f"v{number}"
        connection.register(f"t{number}", _dataset(source))
        conditions = [f"e.{_q(name)} = {alias}.{_q(key)}" for key, name in source.keys.items()]
        conditions.append(f"{instant} >= {alias}.__time")
        joins.append(f"ASOF LEFT JOIN ({_unique(connection, source, number)}) {alias} ON {' AND '.join(conditions)}")
        selected += [f"{_alive(source, alias, name, instant)} AS {_q(out)}" for name, out in source.features.items()]
    return _table(connection, f"SELECT {', '.join(selected)} FROM entities e {' '.join(joins)} ORDER BY e.__row")


def latest_rows(source: Source, start: datetime, end: datetime) -> pa.Table:
    """The newest row of each entity that became valid between two instants, both included.

    Returns:
        The keys, the features and the time column, sorted by the keys.
    """
    connection = _connect()
    connection.register("t0", _dataset(source))
    keys = ", ".join(_q(key) for key in source.keys)
    partition = f"PARTITION BY {keys} " if keys else ""
    query = (
        f"SELECT {_result_columns(source)} FROM ({_columns(connection, source, 0)}) WHERE __time BETWEEN $1 AND $2 "
        f"QUALIFY row_number() OVER ({partition}ORDER BY __time DESC, __created DESC NULLS LAST) = 1"
    )
    return _table(connection, f"{query} ORDER BY {keys}" if keys else query, [_utc(start), _utc(end)])


def rows_between(source: Source, start: datetime | None, end: datetime | None) -> pa.Table:
    """Every row that became valid between two instants, both included; `None` leaves a side open.

    Oldest first: Feast's local engine writes the rows of a view without entities in this order.
    """
    connection = _connect()
    connection.register("t0", _dataset(source))
    bounds = [_utc(start) if start else None, _utc(end) if end else None]
    query = (
        f"SELECT {_result_columns(source)} FROM ({_columns(connection, source, 0)}) "
        "WHERE ($1 IS NULL OR __time >= $1) AND ($2 IS NULL OR __time <= $2) ORDER BY __time, __created NULLS FIRST"
    )
    return _table(connection, query, bounds)


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _dataset(source: Source) -> object:
    return DeltaTable(source.uri, storage_options=dict(source.options)).to_pyarrow_dataset()


def _columns(connection: duckdb.DuckDBPyConnection, source: Source, number: int) -> str:
    types = {row[0]: str(row[1]) for row in connection.execute(f"DESCRIBE t{number}").fetchall()}
    keys = [_q(key) for key in source.keys]
    features = [_feature(name, types.get(name, ""), source.instants_as_integers) for name in source.features]
    time = f"CAST({_q(source.time)} AS TIMESTAMPTZ)" if source.time in types else "to_timestamp(0)"
    created = _q(source.created) if source.created else "NULL"
    selected = [*keys, *features, f"{time} AS __time", f"{created} AS __created"]
    return f"SELECT {', '.join(selected)} FROM t{number}"


def _unique(connection: duckdb.DuckDBPyConnection, source: Source, number: int) -> str:
    columns = _columns(connection, source, number)
    if source.created is None:
        return columns
    entity_and_time = ", ".join([*(_q(key) for key in source.keys), "__time"])
    newest = f"row_number() OVER (PARTITION BY {entity_and_time} ORDER BY __created DESC NULLS LAST)"
    return f"SELECT * FROM ({columns}) QUALIFY {newest} = 1"


def _feature(name: str, kind: str, instants_as_integers: bool) -> str:
    if instants_as_integers and kind.startswith("TIMESTAMP"):
        return f"epoch_us({_q(name)}) AS {_q(name)}"
    return _q(name)


def _alive(source: Source, alias: str, name: str, instant: str) -> str:
    value = f"{alias}.{_q(name)}"
    if not source.ttl:
        return value
    seconds = source.ttl.total_seconds()
    return f"CASE WHEN {alias}.__time >= {instant} - to_seconds({seconds}) THEN {value} END"


def _result_columns(source: Source) -> str:
    columns = [_q(name) for name in (*source.keys, *source.features)]
    return ", ".join([*columns, f"__time AS {_q(source.time)}"])


def _table(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> pa.Table:
    return connection.sql(query, params=list(parameters)).to_arrow_table().combine_chunks()


def _instant(entities: pa.Table, time: str) -> str:
    if getattr(entities.schema.field(time).type, "tz", None):
        return f"CAST(e.{_q(time)} AS TIMESTAMPTZ)"
    return f"timezone('UTC', CAST(e.{_q(time)} AS TIMESTAMP))"


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
