"""Writing an Arrow table into an online store: the one way in for materialization, a service and a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from feast import FeatureView, RepoConfig
from feast.utils import _convert_arrow_to_proto

BATCH = 50_000
"""Rows that are serialized at a time: what bounds the memory of a write."""


@dataclass(frozen=True)
class Written:
    """What became of the rows of a write.

    Attributes:
        rows: entities whose values were written.
        older: entities that were left alone, since the store holds a newer event of theirs.
    """

    rows: int = 0
    older: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.rows + other.rows, self.older + other.older)


class ArrowOnlineStore(Protocol):
    """An online store that takes Arrow tables."""

    def online_write_arrow(
        self, config: RepoConfig, table: FeatureView, rows: pa.Table, *, keep_newer: bool = True
    ) -> Written:
        """Write rows of a view; each batch of them in a transaction of its own.

        Args:
            config: the repository's configuration.
            table: the feature view.
            rows: its entity columns, features, timestamp field and, where the source names one, created timestamp.
                Of several rows of an entity the newest counts: by event time, created time, then the last.
            keep_newer: whether an entity's newer event in the store is kept; otherwise it is overwritten.

        Raises:
            ValueError: a column is absent, or a join key or an event time is null.
        """


def write_arrow(store: Any, config: RepoConfig, view: FeatureView, tables: Iterable[pa.Table]) -> Written:
    """Write tables into any online store of Feast's: as they are where it takes them, else as Feast does."""
    total = Written()
    for table in tables:
        if hasattr(store, "online_write_arrow"):
            total += store.online_write_arrow(config, view, table)
        elif table.num_rows:
            store.online_write_batch(config, view, feast_rows(view, table), None)
            total += Written(table.num_rows)
    return total


def feast_rows(view: FeatureView, table: pa.Table) -> list[Any]:
    """The rows as Feast hands them to `online_write_batch`."""
    kinds = {column.name: column.dtype.to_value_type() for column in view.entity_columns}
    return list(_convert_arrow_to_proto(table.combine_chunks(), view, kinds))
