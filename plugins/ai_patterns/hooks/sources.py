"""Sources that are SQL queries: read through the Airflow connection that the spec names."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook

from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

if TYPE_CHECKING:
    import pyarrow as pa
    from airflow.providers.common.sql.hooks.sql import DbApiHook

log = logging.getLogger(__name__)


def read_query(conn_id: str, sql: str) -> pa.Table:
    """Run `sql` on a database connection; any provider whose hook is a `DbApiHook` will do.

    Returns:
        The result, one Arrow column for each column of the query, with inferred types.

    Raises:
        ServiceRejectedError: the connection does not exist, or is no database.
        ServiceUnavailableError: the database is away or the query failed.
    """
    hook = _database(conn_id)
    try:
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            names, rows = [item[0] for item in cursor.description], cursor.fetchall()
    except Exception as error:  # each database driver has an error tree of its own
        raise ServiceUnavailableError(f"the query failed: {error}.", conn_id=conn_id) from error
    log.info("Read %d rows through the connection %r", len(rows), conn_id)
    return _table(names, rows)


def _database(conn_id: str) -> DbApiHook:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    try:
        hook = BaseHook.get_hook(conn_id)
    except AirflowNotFoundException:
        raise ServiceRejectedError("a source needs a connection that does not exist.", conn_id=conn_id) from None
    if not isinstance(hook, DbApiHook):
        raise ServiceRejectedError(f"{type(hook).__name__} runs no SQL.", conn_id=conn_id)
    return hook


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: [row[index] for row in rows] for index, name in enumerate(names)})
