"""The embedded engine: DuckDB in this process, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ai_patterns.core.sessions import connect, session

__all__ = ["connect", "run"]


def run(sql: str, relations: Mapping[str, Any], *, parameters: Mapping[str, Any] | None = None) -> pa.Table:
    """Run one query over Arrow tables or datasets and return its result.

    Args:
        sql: the query; it names the relations.
        relations: tables, datasets or record batch readers by name; datasets are scanned lazily, with filters
            and columns pushed down.
        parameters: values of `$name` placeholders.
    """
    with session() as connection:
        for name, relation in relations.items():
            connection.register(name, relation)
        return connection.sql(sql, params=dict(parameters or {})).to_arrow_table()
