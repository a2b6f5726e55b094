"""Feast's SQLite online store, written many rows at a time and read honestly.

Feast's table has a row an entity and feature. Its `event_ts` holds whole seconds, shifted by the writer's time zone;
two columns of our own beside it hold the instant: `event_us`, microseconds since 1970, UTC, and `event_of`, the
`event_ts` for which that holds. A row that Feast itself wrote over ours is told by an `event_of` that differs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar, Literal

import pyarrow as pa
from feast import FeatureView, RepoConfig
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.sqlite import SqliteOnlineStore as FeastSqliteOnlineStore
from feast.infra.online_stores.sqlite import SqliteOnlineStoreConfig as FeastSqliteOnlineStoreConfig
from feast.infra.online_stores.sqlite import _alter_table_add_column_if_missing
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from ai_patterns.feast.answers import Answer, HonestAnswers
from ai_patterns.feast.rows import FeastRow, Rows, rows_of_protos, rows_of_table
from ai_patterns.feast.sqlite_rows import EPOCH, HELD, indexed_at_the_end, quoted, write_rows
from ai_patterns.feast.writing import Written, ahead, batches, feast_rows

_TYPE: Literal["ai_patterns.feast.SqliteOnlineStore"] = "ai_patterns.feast.SqliteOnlineStore"
_CACHE_KILOBYTES = 65_536
_PAGE = 16_384
"""Bytes of a page in a file that is made here: a large write takes a sixth less time than with SQLite's 4,096."""

_ASKED = 10_000
"""Entities that one query asks for; SQLite takes 32,766 parameters."""


class SqliteOnlineStoreConfig(FeastSqliteOnlineStoreConfig):
    """Feast's settings."""

    type: Literal["ai_patterns.feast.SqliteOnlineStore"] = _TYPE  # type: ignore[assignment]  # Feast's is "sqlite"


class _FeastSqlite(FeastSqliteOnlineStore):
    """Feast's store, with the instants that our columns hold."""

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Answer]:
        version = config.entity_key_serialization_version
        keys = [serialize_entity_key(key, version) for key in entity_keys]
        found: dict[bytes, dict[str, tuple[Value, int]]] = {}
        for key, feature, value, moment in self._rows(config, table, keys, requested_features):
            found.setdefault(key, {})[feature] = (Value.FromString(value), moment)
        return [_answer(found.get(key)) for key in keys]

    def _rows(
        self, config: RepoConfig, view: FeatureView, keys: list[bytes], features: list[str] | None
    ) -> Iterator[tuple[bytes, str, bytes, int]]:
        name = self._prepared(config, view)
        connection = self._get_conn(config)
        chosen = f" AND feature_name IN ({', '.join('?' * len(features))})" if features else ""
        for start in range(0, len(keys), _ASKED):
            part = keys[start : start + _ASKED]
            yield from connection.execute(
                f"SELECT entity_key, feature_name, value, {HELD} FROM {name} "
                f"WHERE entity_key IN ({', '.join('?' * len(part))}){chosen}",
                [*part, *(features or [])],
            )

    def _prepared(self, config: RepoConfig, view: FeatureView) -> str:
        """The view's table, quoted; our columns are added to one that Feast made."""
        table = _table_of(config, view)
        if table not in self._known():
            for column in ("event_us", "event_of"):
                _alter_table_add_column_if_missing(self._get_conn(config), table, column, "INTEGER")
            self._known().add(table)
        return quoted(table)

    def _known(self) -> set[str]:
        """Tables that have our columns."""
        if not hasattr(self, "_prepared_tables"):
            self._prepared_tables: set[str] = set()
        return self._prepared_tables

    def _get_conn(self, config: RepoConfig) -> sqlite3.Connection:
        is_new = not self._conn
        connection: sqlite3.Connection = super()._get_conn(config)
        if is_new:
            connection.execute(f"PRAGMA page_size = {_PAGE}")
        return connection

    def update(self, config: RepoConfig, *arguments: Any, **named: Any) -> None:
        self._known().clear()
        super().update(config, *arguments, **named)

    def teardown(self, *arguments: Any, **named: Any) -> None:
        self._known().clear()
        super().teardown(*arguments, **named)


class SqliteOnlineStore(HonestAnswers, _FeastSqlite):
    """Feast's SQLite store: the same rows in its columns, byte for byte.

    An event replaces what the store holds unless that is newer. With `vector_enabled` or
    `enable_openai_compatible_store`, which have columns of their own, rows are written as Feast writes them.

    Attributes:
        in_key_order: rows are best given in the order of their keys: each page of the file is then written once.
    """

    in_key_order: ClassVar[bool] = True

    def online_write_arrow(
        self, config: RepoConfig, table: FeatureView, rows: pa.Table | pa.RecordBatchReader, *, keep_newer: bool = True
    ) -> Written:
        """See `ai_patterns.feast.writing.ArrowOnlineStore`."""
        total = Written()
        if _is_special(config):
            for batch in batches(rows):
                self.online_write_batch(config, table, feast_rows(table, batch), None)
                total += Written(batch.num_rows)
            return total
        connection = self._connected(config, table)
        encoded = ahead(rows_of_table(table, batch, texts=True) for batch in batches(rows))
        # A transaction a batch would journal most of the file with each batch where keys come in no order.
        with connection, indexed_at_the_end(connection, _table_of(config, table)):
            return sum((self._write(config, table, part, keep_newer) for part in encoded), total)

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: list[FeastRow], progress: Callable[[int], Any] | None
    ) -> None:
        """What Feast calls for a push, or from an engine of its own."""
        if _is_special(config):
            super().online_write_batch(config, table, data, progress)
            return
        with self._connected(config, table):
            for rows in rows_of_protos(data, config.entity_key_serialization_version):
                self._write(config, table, rows, keep_newer=True)
        if progress:
            progress(len(data))

    def _connected(self, config: RepoConfig, view: FeatureView) -> sqlite3.Connection:
        """The connection, the view's table made ready before a transaction begins."""
        self._prepared(config, view)
        connection: sqlite3.Connection = self._get_conn(config)
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")
        return connection

    def _write(self, config: RepoConfig, view: FeatureView, rows: Rows, keep_newer: bool) -> Written:
        if not rows.values:
            return Written()
        connection = self._get_conn(config)
        before = connection.total_changes
        write_rows(connection, self._prepared(config, view), rows, keep_newer)
        written = (connection.total_changes - before) // len(rows.values)
        return Written(written, len(rows) - written)


def _table_of(config: RepoConfig, view: FeatureView) -> str:
    return str(compute_table_id(config.project, view, config.registry.enable_online_feature_view_versioning))


def _is_special(config: RepoConfig) -> bool:
    store = config.online_store
    return bool(store.vector_enabled or store.enable_openai_compatible_store)


def _answer(found: dict[str, tuple[Value, int]] | None) -> Answer:
    if found is None:
        return None, None
    newest = max(moment for _, moment in found.values())
    return EPOCH + timedelta(microseconds=newest), {name: value for name, (value, _) in found.items()}
