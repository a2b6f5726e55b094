"""The lake: one system's Delta tables, read and written."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from ai_patterns.clients.lake_reader import DAY, LakeReader, of_days
from ai_patterns.core.days import Days
from ai_patterns.errors import ServiceUnavailableError

log = logging.getLogger(__name__)

_ATTEMPTS = 6

_PROPERTIES = {"delta.checkpointInterval": "10"}
"""Whoever opens a table reads each commit since its last checkpoint; Delta's own interval is 100."""


@dataclass(frozen=True)
class Lake(LakeReader):
    """Tables of one system below `uri`, read as `LakeReader` tells.

    Every write is one Delta commit: readers see the table before or after it, never between. While a backfill changes
    several tables, nobody else may replace their rows (see `clients.holds`).
    """

    def replace_days(
        self,
        table: str,
        rows: pa.Table,
        days: Days,
        *,
        partition_by: Sequence[str] = (DAY,),
        where: str | None = None,
        widen: bool = False,
    ) -> int:
        """Replace the partitions of `days` by `rows`, whose `day` lies within; return the new version.

        Args:
            table: a dated table.
            rows: its new rows on these days.
            days: the days that are replaced.
            partition_by: the table's partition columns, `day` first.
            where: SQL over the partition columns that narrows what is replaced, such as `mode = 'batch'`.
            widen: columns that the table does not have yet are added, null in its other rows.
        """
        predicate = of_days(days) + (f" AND {where}" if where else "")
        return self.replace_where(table, rows, predicate, partition_by, widen=widen)

    def replace_where(
        self, table: str, rows: pa.Table, predicate: str, partition_by: Sequence[str] = (DAY,), *, widen: bool = False
    ) -> int:
        """Replace the rows that `predicate` (SQL) selects by `rows`, which must all satisfy it; return the version.

        Writers of other partitions may commit meanwhile; the write is then tried again. `widen` is as for
        `replace_days`.

        Raises:
            ServiceUnavailableError: a backfill is changing the table; write again after it.
        """
        self._require_free(table)
        # An empty table is created first: two first writers that each saw no table would else replace
        # one another's partitions, since an overwrite of an absent table takes no predicate.
        self.create(table, rows.schema, partition_by)
        version = _patiently(lambda: self._replace(table, rows, predicate, partition_by, widen=widen))
        # A hold that came meanwhile may or may not show these rows: written again after it, they are right.
        self._require_free(table)
        return version

    def replace_once(self, table: str, rows: pa.Table, predicate: str, app: str) -> int:
        """Replace rows of a table that is there as the transaction `app`, which is done once; return the version.

        For the backfill that holds the table: no hold stops it.
        """
        return _patiently(lambda: self._replace(table, rows, predicate, (DAY,), widen=True, app=app))

    def _replace(
        self,
        table: str,
        rows: pa.Table,
        predicate: str,
        partition_by: Sequence[str],
        *,
        widen: bool,
        app: str | None = None,
    ) -> int:
        # One handle for the write and the version: reading a long log anew costs more than a small write.
        handle = DeltaTable(self.path(table), storage_options=dict(self.options))
        if app is not None and handle.transaction_version(app) is not None:
            return handle.version()
        if not rows.num_rows and app is None and not widen and not handle.file_uris(file_pruning_predicate=predicate):
            return handle.version()  # nothing comes, and nothing goes
        write_deltalake(
            handle,
            rows,
            mode="overwrite",
            predicate=predicate,
            partition_by=list(partition_by),
            schema_mode="merge" if widen else None,
            commit_properties=CommitProperties(app_transactions=[Transaction(app, 1)]) if app else None,
        )
        return handle.version()

    def _require_free(self, table: str) -> None:
        backfill, versions = self.held()
        if table in versions:
            raise ServiceUnavailableError(
                f"{table!r} is being changed by the backfill {backfill!r}: write again when it has ended; one that was "
                "interrupted ends when the same backfill runs again",
                conn_id="ai_patterns_lake",
            )

    def replace(self, table: str, rows: pa.Table) -> int:
        """Replace a whole table; return the new version."""
        write_deltalake(
            self.path(table), rows, mode="overwrite", schema_mode="overwrite", storage_options=dict(self.options)
        )
        return self.version(table)

    def append(self, table: str, rows: pa.Table, partition_by: Sequence[str] = (), *, widen: bool = False) -> int:
        """Add rows; return the new version. `widen` is as for `replace_days`."""
        self.create(table, rows.schema, partition_by)
        handle = DeltaTable(self.path(table), storage_options=dict(self.options))
        write_deltalake(handle, rows, mode="append", schema_mode="merge" if widen else None)
        return handle.version()

    def append_fenced(self, table: str, rows: pa.Table, *, app: str, number: int) -> bool:
        """Add rows as transaction `number` of `app`; of two writers of one number exactly one succeeds.

        The compare is Delta's own: the commit carries an application transaction (Delta protocol, "Transaction
        Identifiers"), and a commit that another one has overtaken with the same application is refused.

        Args:
            table: the table, made by the first transaction, number 1.
            rows: what to add.
            app: name of the sequence.
            number: one more than the newest number that the caller has read.

        Returns:
            Whether the rows were committed; False means that another commit came between: read again.
        """
        self.create(table, rows.schema)
        handle = self.open(table)
        if (handle.transaction_version(app) or 0) != number - 1:
            return False
        properties = CommitProperties(app_transactions=[Transaction(app, number)])
        try:
            write_deltalake(handle, rows, mode="append", commit_properties=properties)
        except CommitFailedError as error:
            log.info("transaction %d of %s was overtaken: %s", number, app, error)
            return False
        return True

    def create(
        self,
        table: str,
        schema: pa.Schema,
        partition_by: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Make an empty table, unless it is there or another writer is quicker.

        Creators that race may each commit the same metadata; whoever appended meanwhile is told to read again.
        """
        if self.exists(table):
            return
        try:
            DeltaTable.create(
                self.path(table),
                schema,
                mode="ignore",
                partition_by=list(partition_by) or None,
                storage_options=dict(self.options),
                configuration={**_PROPERTIES, **(properties or {})},
            )
        except DeltaError:
            if not self.exists(table):
                raise


def _patiently(write: Callable[[], int]) -> int:
    """The version that `write` commits; another try where a writer of other partitions came first."""
    for attempt in range(_ATTEMPTS):
        try:
            return write()
        except CommitFailedError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - spreads writers, guards nothing
    raise AssertionError("unreachable: the last attempt returns or raises")
