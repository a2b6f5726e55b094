"""A lake whose writes are kept apart: jobs that run on it read their own rows, and nobody else does until `commit`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.clients.staging import Staging
from ai_patterns.core.days import Days
from ai_patterns.engines import duckdb

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_JOURNAL = "journal.json"
_STAMPS = ("run_id", "quarantined_at")
"""Columns that tell of the run and not of the data."""


@dataclass(frozen=True)
class StagedLake(Lake):
    """A lake with the partitions that one run would change, kept in staging.

    Only `replace_days` may write. Partitions whose rows come out as they were are not kept.

    Attributes:
        staging: where the changed partitions and the journal lie.
    """

    staging: Staging = field(kw_only=True)

    @classmethod
    def over(cls, lake: Lake, run_id: str) -> StagedLake:
        """What a run would change in `lake`; a run that was interrupted is taken up with what it had done."""
        return cls(lake.uri, lake.system, lake.options, staging=Staging(lake, run_id))

    @property
    def journal(self) -> dict[str, Any]:
        """`steps` that are done and the `staged` files: table -> file -> day -> rows that differ."""
        return self.staging.noted(_JOURNAL) or {"request": None, "base": {}, "steps": [], "staged": {}}

    def note(self, **facts: Any) -> None:
        """Set facts of the journal."""
        self.staging.note(_JOURNAL, self.journal | facts)

    def partitions(self) -> dict[str, dict[str, int]]:
        """The changed partitions in the order in which they were made: table -> day -> rows that differ."""
        staged = self.journal["staged"]
        return {table: {day: rows for days in staged[table].values() for day, rows in days.items()} for table in staged}

    def dataset(
        self, table: str, days: Days | None = None, version: int | None = None, *, files: str | None = None
    ) -> ds.Dataset:
        """The table as a dataset, changed partitions as they would be."""
        import pyarrow.dataset as ds

        staged = self.journal["staged"].get(table)
        if not staged or version is not None:
            return super().dataset(table, days, version, files=files)
        live = super().dataset(table, files=files)
        changed = {dt.date.fromisoformat(day) for each in staged.values() for day in each}
        kept = [
            part
            for part in live.get_fragments()
            if ds.get_partition_keys(part.partition_expression)[DAY] not in changed
        ]
        rest = ds.FileSystemDataset(kept, live.schema, live.format, live.filesystem)
        dataset = ds.dataset([rest, self.staging.dataset(list(staged), live.schema)])
        return dataset if days is None else dataset.filter(pc.field(DAY).isin(list(days)))

    def local_files(self, table: str, files: str | None = None) -> list[str] | None:
        """None where partitions are changed: no list of files is the table as it would be."""
        return None if self.journal["staged"].get(table) else super().local_files(table, files)

    def batches(self, table: str, days: Days) -> list[Days]:  # noqa: ARG002  of every table alike
        """The days as they are: a step that is taken up again must find its own files."""
        return [days]

    def replace_days(
        self,
        table: str,
        rows: pa.Table,
        days: Days,
        *,
        partition_by: Sequence[str] = (DAY,),
        where: str | None = None,
        widen: bool = False,  # noqa: ARG002  a backfill adds no columns: its rows get those that the table has
    ) -> int:
        """Keep those partitions of `days` whose rows differ from what the lake holds."""
        if tuple(partition_by) != (DAY,) or where is not None:
            raise NotImplementedError("only whole days are staged")
        differing = self._differing(table, rows, days)
        name, staged = f"{table}/{days.first}_{days.last}", self.journal["staged"]
        staged.setdefault(table, {}).pop(name, None)
        if differing:
            chosen = pc.is_in(rows[DAY], pa.array([dt.date.fromisoformat(day) for day in differing], pa.date32()))
            self.staging.write(name, rows.filter(chosen))
            staged[table][name] = differing
        self.note(staged={table: files for table, files in staged.items() if files})
        return self.version(table)

    def replace_where(
        self, table: str, rows: pa.Table, predicate: str, partition_by: Sequence[str] = (DAY,), *, widen: bool = False
    ) -> int:
        """Refused: only whole days are staged."""
        raise NotImplementedError("only whole days are staged")

    def _differing(self, table: str, rows: pa.Table, days: Days) -> dict[str, int]:
        """Rows that come or go, by day."""
        columns = ", ".join(f'"{name}"' for name in rows.column_names if name not in _STAMPS)
        live, new = (f"SELECT {columns} FROM {name}" for name in ("live", "new"))
        sql = f"""
SELECT {DAY}, count(*) AS rows FROM (({live} EXCEPT ALL {new}) UNION ALL ({new} EXCEPT ALL {live}))
GROUP BY ALL ORDER BY ALL"""
        found = duckdb.run(sql, {"new": rows, "live": super().dataset(table, days)})
        return {str(row[DAY]): row["rows"] for row in found.to_pylist()}

    def read_changed(self, table: str) -> pa.Table:
        """The rows of a table's changed partitions."""
        schema = self.open(table).to_pyarrow_dataset().schema
        return self.staging.dataset(list(self.journal["staged"][table]), schema).to_table()
