"""Reading the lake: one system's Delta tables, in a local folder, an object store or HDFS."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from ai_patterns.clients import holds
from ai_patterns.core.days import Days, cut
from ai_patterns.core.sessions import Limits
from ai_patterns.errors import ServiceUnavailableError

if TYPE_CHECKING:
    import pyarrow.dataset as ds

DAY = "day"
"""Partition column of every dated table: the UTC day (date32)."""

T = TypeVar("T")


@dataclass(frozen=True)
class LakeReader:
    """Tables of one system below `uri`, addressed as `events/arrived` or `predictions`.

    A dated table has the partition column `day`. While a backfill changes several tables, they are read as they were
    before it (see `clients.holds`).

    Attributes:
        uri: folder or URI that holds the lakes of all systems.
        system: the system's name.
        options: credentials and endpoints for an object store.
    """

    uri: str
    system: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def path(self, table: str) -> str:
        """Where a table, or any other file of the system, lies."""
        return f"{self.uri.rstrip('/')}/{self.system}/{table}"

    def exists(self, table: str) -> bool:
        """Whether the table has been written."""
        return DeltaTable.is_deltatable(self.path(table), storage_options=dict(self.options))

    def open(self, table: str, version: int | None = None) -> DeltaTable:
        """The Delta table itself: the version asked for, else the one that a backfill holds, else the newest.

        Raises:
            ServiceUnavailableError: nothing was published there yet.
        """
        version = self.held()[1].get(table) if version is None else version
        try:
            return DeltaTable(self.path(table), version=version, storage_options=dict(self.options))
        except TableNotFoundError:
            raise ServiceUnavailableError(
                f"the lake has no table {table!r} at {self.path(table)}; run the DAG that publishes it first",
                conn_id="ai_patterns_lake",
            ) from None

    def held(self) -> tuple[str, dict[str, int]]:
        """The backfill that is changing tables now, and the versions that count meanwhile; else empty."""
        return holds.read_hold(self.path(holds.TABLE), self.options)

    def consistently(self, read: Callable[[], T]) -> T:
        """What `read` returns, which opens several tables: all from before a backfill, or all from after it."""
        while True:
            before = holds.read_number(self.path(holds.TABLE), self.options)
            found = read()
            if before == holds.read_number(self.path(holds.TABLE), self.options):
                return found

    def version(self, table: str) -> int:
        """Delta version of the table, -1 before its first commit."""
        return self.open(table).version() if self.exists(table) else -1

    def dataset(
        self, table: str, days: Days | None = None, version: int | None = None, *, files: str | None = None
    ) -> ds.Dataset:
        """The table as a dataset, pruned to `days`; DuckDB scans it lazily.

        Args:
            table: its name.
            days: partitions; all without it.
            version: as of `open`.
            files: SQL by which files are left out that can hold no row of interest, by their statistics; the others'
                rows all come. Pruned in the Delta log, a file costs nothing: each one that stays costs a millisecond.
        """
        chosen = [of_days(days)] if days is not None else []
        chosen += [f"({files})"] if files else []
        dataset = self.open(table, version).to_pyarrow_dataset(file_pruning_predicate=" AND ".join(chosen) or None)
        return dataset if days is None else dataset.filter(_between(days))

    def local_files(self, table: str, files: str | None = None) -> list[str] | None:
        """Paths of the table's files; None where they lie in an object store. `files` is as for `dataset`."""
        found = self.open(table).file_uris(file_pruning_predicate=files)
        return None if any("://" in file for file in found) else found

    def read(
        self, table: str, days: Days | None = None, columns: Sequence[str] | None = None, version: int | None = None
    ) -> pa.Table:
        """Read a table, or the partitions of `days`."""
        return self.dataset(table, days, version).to_table(columns=list(columns) if columns else None)

    def batches(self, table: str, days: Days) -> list[Days]:
        """Ranges that together are `days`, each of no more rows of the table than the engine takes at once, or a day.

        Told by the Delta log alone; the setting is `AI_PATTERNS_ENGINE_BATCH_ROWS`.
        """
        if days.count == 1:
            return [days]
        files = pa.table(self.open(table).get_add_actions(flatten=True))
        rows: Counter[dt.date] = Counter()
        for file in files.to_pylist():
            rows[file[f"partition.{DAY}"]] += file["num_records"] or 0
        return cut(days, rows, Limits.from_environment().batch_rows)


def of_days(days: Days) -> str:
    """SQL by which a dated table's rows of these days are chosen."""
    return f"{DAY} >= '{days.first}' AND {DAY} <= '{days.last}'"


def _between(days: Days) -> ds.Expression:
    import pyarrow.dataset as ds  # 20 MB that a process which only writes does not need

    return (ds.field(DAY) >= pa.scalar(days.first)) & (ds.field(DAY) <= pa.scalar(days.last))
