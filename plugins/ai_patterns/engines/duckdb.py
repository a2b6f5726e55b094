"""The embedded engine: DuckDB in this process, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa


def run(sql: str, relations: Mapping[str, Any], *, parameters: Mapping[str, Any] | None = None) -> pa.Table:
    """Run one query over Arrow tables or datasets and return its result.

    Args:
        sql: the query; it names the relations.
        relations: tables, datasets or record batch readers by name; datasets are scanned lazily, with filters
            and columns pushed down.
        parameters: values of `$name` placeholders.
    """
    with connect() as connection:
        for name, relation in relations.items():
            connection.register(name, relation)
        return connection.sql(sql, params=dict(parameters or {})).to_arrow_table()


def connect() -> duckdb.DuckDBPyConnection:
    """A fresh in-memory connection whose time zone is UTC and whose insertion order is kept."""
    connection = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    connection.execute("SET enable_progress_bar = false")
    return connection
