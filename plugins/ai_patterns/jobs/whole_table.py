"""One query over the files of a table."""

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
    *,
    files: str | None = None,
) -> pa.Table:
    """Run one query over a table, which it calls `stored`.

    A local table's files are read by DuckDB itself: it opens a thousand of them in the time in which Delta's reader
    makes a dataset of a hundred. `sql` begins with SELECT, and reads columns that every file has.

    Args:
        lake: the lake.
        table: a table in it.
        sql: the query.
        relations: further tables by name.
        parameters: values of `$name` placeholders.
        files: as of `Lake.dataset`; `sql` says besides which rows it wants.
    """
    paths = lake.local_files(table, files)
    if not paths:
        return duckdb.run(sql, {**(relations or {}), "stored": lake.dataset(table, files=files)}, parameters=parameters)
    stored = "WITH stored AS (SELECT * FROM read_parquet($files, hive_partitioning = true))"
    return duckdb.run(f"{stored} {sql}", relations or {}, parameters={**(parameters or {}), "files": paths})
