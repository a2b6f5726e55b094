"""A lake that keeps in mind what was read and written, so that lineage rests on what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from ai_patterns.clients.lake import Lake

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True)
class Version:
    """What was read or made.

    Attributes:
        number: the version.
        columns: name -> type, where it is a table.
    """

    number: int
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Touched:
    """What a task has touched: name -> the newest of the versions that were read or made.

    Attributes:
        opened: what was opened; what is written may be opened as well.
        written: what was written.
    """

    opened: dict[str, Version] = field(default_factory=dict)
    written: dict[str, Version] = field(default_factory=dict)

    @property
    def read(self) -> dict[str, Version]:
        """What was read and not written."""
        return {name: version for name, version in self.opened.items() if name not in self.written}


@dataclass(frozen=True)
class RecordedLake(Lake):
    """A lake that keeps in mind which tables were touched.

    Attributes:
        touched: tables and their Delta versions.
    """

    touched: Touched = field(default_factory=Touched, kw_only=True, repr=False)

    @classmethod
    def over(cls, lake: Lake) -> RecordedLake:
        """The same lake, with nothing touched."""
        return cls(lake.uri, lake.system, lake.options)

    def open(self, table: str, version: int | None = None) -> DeltaTable:
        """As of `Lake`."""
        handle = super().open(table, version)
        self.touched.opened[table] = Version(handle.version(), _columns(handle))
        return handle

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
        return self._wrote(table, super()._replace(table, rows, predicate, partition_by, widen=widen, app=app))

    def replace(self, table: str, rows: pa.Table) -> int:
        """As of `Lake`."""
        return self._wrote(table, super().replace(table, rows))

    def append(self, table: str, rows: pa.Table, partition_by: Sequence[str] = (), *, widen: bool = False) -> int:
        """As of `Lake`."""
        return self._wrote(table, super().append(table, rows, partition_by, widen=widen))

    def append_fenced(self, table: str, rows: pa.Table, *, app: str, number: int) -> bool:
        """As of `Lake`."""
        committed = super().append_fenced(table, rows, app=app, number=number)
        if committed:
            self._wrote(table, self.version(table))
        return committed

    def _wrote(self, table: str, version: int) -> int:
        # Now, since whoever tells of it later may not open a table: Delta's threads do not outlive a fork.
        known = self.touched.written.get(table)
        columns = known.columns if known else _columns(super().open(table, version))
        self.touched.written[table] = Version(version, columns)
        return version


def _columns(handle: DeltaTable) -> dict[str, str]:
    return {each.name: str(each.type.to_json()).strip('"') for each in handle.schema().fields}
