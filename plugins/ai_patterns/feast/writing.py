"""Writing an Arrow table into an online store: the one way in for materialization, a service and a script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pyarrow as pa
from feast import FeatureView, RepoConfig
from feast.utils import _convert_arrow_to_proto

T = TypeVar("T")

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
        self, config: RepoConfig, table: FeatureView, rows: pa.Table | pa.RecordBatchReader, *, keep_newer: bool = True
    ) -> Written:
        """Write rows of a view: on SQLite all in one transaction, on Redis some hundred in each.

        Args:
            config: the repository's configuration.
            table: the feature view.
            rows: its entity columns, features, timestamp field and, where the source names one, created timestamp.
                Of several rows of an entity in a batch the newest counts: by event time, created time, then the last.
            keep_newer: whether an entity's newer event in the store is kept; otherwise it is overwritten.

        Raises:
            ValueError: a column is absent, or a join key or an event time is null.
        """


def write_arrow(store: Any, config: RepoConfig, view: FeatureView, rows: pa.Table | pa.RecordBatchReader) -> Written:
    """Write rows into any online store of Feast's: as they are where it takes them, else as Feast does."""
    if hasattr(store, "online_write_arrow"):
        found: Written = store.online_write_arrow(config, view, rows)
        return found
    total = Written()
    for batch in batches(rows):
        store.online_write_batch(config, view, feast_rows(view, batch), None)
        total += Written(batch.num_rows)
    return total


def batches(rows: pa.Table | pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The rows in batches of at most `BATCH`, none of them empty."""
    found = rows.to_batches() if isinstance(rows, pa.Table) else rows
    for batch in found:
        yield from (batch.slice(start, BATCH) for start in range(0, batch.num_rows, BATCH))


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, the next one made in a thread while the last one is worked on."""
    rest = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, rest, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, rest, None)
            yield item


def feast_rows(view: FeatureView, rows: pa.RecordBatch) -> list[Any]:
    """The rows as Feast hands them to `online_write_batch`."""
    kinds = {column.name: column.dtype.to_value_type() for column in view.entity_columns}
    return list(_convert_arrow_to_proto(rows, view, kinds))
