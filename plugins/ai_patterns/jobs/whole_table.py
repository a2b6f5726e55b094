"""One query over all files of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.engines import duckdb


def query(
    lake: Lake,
    table: str,
    sql: str,
    relations: Mapping[str, pa.Table] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> pa.Table:
    """Run one query over a whole table, which it calls `stored`.

    A local table's files are read by DuckDB itself: it opens a thousand of them in the time in which Delta's reader
    makes a dataset of a hundred. `sql` begins with SELECT, and reads columns that every file has.

    Args:
        lake: the lake.
        table: a table in it.
        sql: the query.
        relations: further tables by name.
        parameters: values of `$name` placeholders.
    """
    files = lake.local_files(table)
    if not files:
        return duckdb.run(sql, {**(relations or {}), "stored": lake.dataset(table)}, parameters=parameters)
    stored = "WITH stored AS (SELECT * FROM read_parquet($files, hive_partitioning = true))"
    return duckdb.run(f"{stored} {sql}", relations or {}, parameters={**(parameters or {}), "files": files})
