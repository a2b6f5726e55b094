"""Raw rows in DuckDB: a system's SQL over its sources, and the cast to declared types. All times UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import duckdb
import pyarrow as pa

from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.quality import DAY_NUMBER, MISTYPED
from ai_patterns.engines.duckdb import connect, run
from ai_patterns.errors import DataQualityError
from ai_patterns.spec.streams import ColumnType, StreamSpec, TableSpec

POSITION = "_position"
"""Helper column of typed rows: the row's place in the raw table, counted from 0."""

RAW_DAY = "_raw_day"
"""Helper column of raw rows: the partition they belong to (date32)."""

_SQL_TYPES: Mapping[ColumnType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}


def arrow_schema(table: TableSpec) -> pa.Schema:
    """The declared columns as Arrow fields."""
    return pa.schema([(name, ARROW_TYPES[column.type]) for name, column in table.columns.items()])


@cache
def tables_of(sql: str) -> frozenset[str]:
    """Names of the tables that a query reads."""
    with connect() as connection:
        return frozenset(connection.get_table_names(sql))


def run_sql(sql: str, sources: Mapping[str, pa.Table], subject: str) -> pa.Table:
    """Run a system's query over its sources.

    Raises:
        DataQualityError: a column is missing in a source, the query is no SQL, or it cannot cast what it finds.
    """
    try:
        return run(sql, sources)
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        raise DataQualityError(f"{subject}: the sources do not fit its SQL: {error}") from error


def assign_days(raw: pa.Table, stream: StreamSpec, fallback: str) -> pa.Table:
    """Add the partition of each row: the UTC day of its known time.

    A row without one cannot be published. It is quarantined on the day of its event time, else on `fallback`.
    """
    times = [_cast(raw.schema.field(name), "timestamp") for name in (stream.known_time, stream.event_time)]
    day = f"CAST(coalesce({', '.join(times)}, TIMESTAMPTZ '{fallback}') AS DATE)"
    return run(f"SELECT *, {day} AS {RAW_DAY} FROM raw ORDER BY {RAW_DAY}", {"raw": raw})


def cast_rows(raw: pa.Table, stream: StreamSpec) -> pa.Table:
    """Cast raw rows to the declared types, in an order that depends on their content alone.

    Returns:
        The declared columns, null where the value could not be cast, and the helper columns.
    """
    casts = {name: _cast(raw.schema.field(name), column.type) for name, column in stream.columns.items()}
    wrong = [
        f"CASE WHEN {_wrong(raw.schema.field(name), stream.columns[name].type)} THEN '{name}' END" for name in casts
    ]
    columns = ", ".join(f'{sql} AS "{name}"' for name, sql in casts.items())
    # The first of two rows with one key is the one known first; all columns break the remaining ties.
    order = ", ".join(f'"{name}"' for name in dict.fromkeys([*stream.key, stream.known_time, *stream.columns]))
    numbered = raw.append_column(POSITION, pa.array(range(raw.num_rows), pa.int64()))
    typed = run(
        f"SELECT {columns}, {RAW_DAY}, date_diff('day', DATE '1970-01-01', {RAW_DAY})::INTEGER AS {DAY_NUMBER}, "
        f"nullif(concat_ws(', ', {', '.join(wrong)}), '') AS {MISTYPED}, {POSITION} "
        f"FROM raw ORDER BY {RAW_DAY}, {order}",
        {"raw": numbered},
    )
    return typed.cast(_typed_schema(typed.schema, stream))


def cast_table(raw: pa.Table, table: TableSpec) -> pa.Table:
    """Cast to the declared types, null where that fails, sorted by key."""
    columns = ", ".join(
        f'{_cast(raw.schema.field(name), column.type)} AS "{name}"' for name, column in table.columns.items()
    )
    order = ", ".join(f'"{name}"' for name in dict.fromkeys([*table.key, *table.columns]))
    return run(f"SELECT {columns} FROM raw ORDER BY {order}", {"raw": raw}).cast(arrow_schema(table))


def to_json(rows: pa.Table) -> list[bytes]:
    """Each row as one JSON object."""
    if rows.num_rows == 0:
        return []
    text = run("SELECT CAST(to_json(raw) AS VARCHAR) AS line FROM raw", {"raw": rows})["line"]
    return [line.encode() for line in text.to_pylist()]


def from_json(lines: list[bytes], table: TableSpec) -> pa.Table:
    """The declared columns of JSON objects, all as text."""
    rows = pa.table({"line": [line.decode() for line in lines]}, schema=pa.schema([("line", pa.string())]))
    columns = ", ".join(f"line ->> '$.{name}' AS \"{name}\"" for name in table.columns)
    return run(f"SELECT {columns} FROM raw", {"raw": rows})


def _cast(field: pa.Field, to: ColumnType) -> str:
    """SQL that casts a column, null where the value is of another type."""
    column, target = f'"{field.name}"', _SQL_TYPES[to]
    kind = field.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    direct: dict[ColumnType, Callable[[], bool]] = {
        "integer": lambda: numeric,
        "double": lambda: numeric,
        "timestamp": lambda: pa.types.is_timestamp(kind) or pa.types.is_date(kind),
    }
    # Through text, so that 7 is no instant and 2 no boolean, which DuckDB's own casts would let pass.
    source = column if to in direct and direct[to]() else f"CAST({column} AS VARCHAR)"
    cast = f"TRY_CAST({source} AS {target})"
    if to == "integer":
        return f"CASE WHEN TRY_CAST({source} AS DOUBLE) = {cast} THEN {cast} END"
    if to == "double":  # NaN is how pandas writes "no value"
        return f"CASE WHEN NOT isnan({cast}) THEN {cast} END"
    return cast


def _wrong(field: pa.Field, to: ColumnType) -> str:
    column = f'"{field.name}"'
    missing = f" AND NOT isnan({column})" if pa.types.is_floating(field.type) else ""
    nan = f" AND lower(CAST({column} AS VARCHAR)) <> 'nan'" if to == "double" and not missing else ""
    return f"{column} IS NOT NULL{missing}{nan} AND {_cast(field, to)} IS NULL"


def _typed_schema(schema: pa.Schema, stream: StreamSpec) -> pa.Schema:
    declared = arrow_schema(stream)
    return pa.schema([declared.field(field.name) if field.name in declared.names else field for field in schema])
