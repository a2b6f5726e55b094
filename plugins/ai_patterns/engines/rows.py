"""Raw rows in DuckDB: a system's SQL over its sources, and the cast to declared types. All times UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

import duckdb
import numpy as np
import pyarrow as pa

from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.quality import DAY_NUMBER, MISTYPED
from ai_patterns.core.sessions import session
from ai_patterns.engines.duckdb import run
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
    with session() as connection:
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
    return raw.append_column(RAW_DAY, run(f"SELECT {day} AS {RAW_DAY} FROM raw", {"raw": raw})[RAW_DAY])


def cast_rows(raw: pa.Table, stream: StreamSpec) -> pa.Table:
    """Cast raw rows to the declared types, in an order that depends on their content alone.

    Returns:
        The declared columns, null where the value could not be cast, and the helper columns.
    """
    numbered = raw.append_column(POSITION, pa.array(np.arange(raw.num_rows)))
    # The first of two rows with one key is the one known first; all columns break the remaining ties, of which there
    # are few: a sort by all of them would cost more than all else.
    order = dict.fromkeys([RAW_DAY, *stream.key, stream.known_time])
    typed = run(_typed_sql(raw.schema, stream, order), {"raw": numbered})
    if typed.group_by(list(order)).aggregate([]).num_rows < typed.num_rows:
        typed = run(_typed_sql(raw.schema, stream, order | dict.fromkeys(stream.columns)), {"raw": numbered})
    return typed.cast(_typed_schema(typed.schema, stream))


def _typed_sql(raw: pa.Schema, stream: StreamSpec, order: Iterable[str]) -> str:
    kinds = {name: (raw.field(name), column.type) for name, column in stream.columns.items()}
    columns = ", ".join(f'{_cast(field, to)} AS "{name}"' for name, (field, to) in kinds.items())
    wrong = [
        f"CASE WHEN {_wrong(field, to)} THEN '{name}' END"
        for name, (field, to) in kinds.items()
        if not _always_casts(field.type, to)
    ]
    by = ", ".join(f'"{name}"' for name in order)
    mistyped = f"nullif(concat_ws(', ', {', '.join(wrong)}), '')" if wrong else "CAST(NULL AS VARCHAR)"
    return (
        f"SELECT {columns}, {RAW_DAY}, date_diff('day', DATE '1970-01-01', {RAW_DAY})::INTEGER AS {DAY_NUMBER}, "
        f"{mistyped} AS {MISTYPED}, {POSITION} FROM raw ORDER BY {by}"
    )


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


def _always_casts(kind: pa.DataType, to: ColumnType) -> bool:
    """Whether no value of a kind can be of another type than declared."""
    match to:
        case "string":
            return True
        case "integer":
            return bool(pa.types.is_signed_integer(kind))
        case "double":
            return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
        case "boolean":
            return bool(pa.types.is_boolean(kind))
        case "timestamp":
            return bool(kind == ARROW_TYPES["timestamp"])


def _cast(field: pa.Field, to: ColumnType) -> str:
    """SQL that casts a column, null where the value is of another type."""
    column, target = f'"{field.name}"', _SQL_TYPES[to]
    kind = field.type
    if kind == ARROW_TYPES[to] and to != "double":
        return column
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
