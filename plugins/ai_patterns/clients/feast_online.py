"""A Feast online store that merges batch and speed layer at read time; for `feature_store.yaml`.

Views of groups of the stream layer are answered from the online tiles as of now: their windows slide although nothing
is materialized. All other views, and these too until a first boundary is drawn, are answered by the SQLite store of
`ai_patterns.feast`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

from feast import FeatureView, RepoConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from ai_patterns.clients.feast_repository import feature_types
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_stores import open_tile_store, tiles_exist
from ai_patterns.core.clock import reading_instant, to_microseconds
from ai_patterns.core.tile_rows import Entity
from ai_patterns.feast.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.streams import ColumnType

_FIELDS: dict[ColumnType, str] = {
    "string": "string_val",
    "integer": "int64_val",
    "double": "double_val",
    "boolean": "bool_val",
    "timestamp": "int64_val",
}

_NAME: Literal["ai_patterns.clients.feast_online.TileSqliteOnlineStore"] = (
    "ai_patterns.clients.feast_online.TileSqliteOnlineStore"
)

Answer = tuple[dt.datetime | None, dict[str, Value] | None]


class TileSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    """Feast's SQLite settings, and where tiles and spec are.

    Attributes:
        tiles: URL of the online tiles.
        system: folder with `system.yaml`.
    """

    type: Literal["ai_patterns.clients.feast_online.TileSqliteOnlineStore"] = _NAME  # type: ignore[assignment]
    tiles: str
    system: str


class TileSqliteOnlineStore(SqliteOnlineStore):
    """The SQLite store, with the stream layer's views read from tiles."""

    _tiles: TileStore | None = None

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Answer]:
        """Values of entities, as Feast's contract has it; `(None, None)` for one that is not known."""
        store = self._open(config)
        group = store.system.groups.get(table.name) if store else None
        if store is None or group is None or group.layer != "stream":
            return super().online_read(config, table, entity_keys, requested_features)
        at = reading_instant()
        found = store.read(table.name, [_entity(key, group.key) for key in entity_keys], at)
        kinds = feature_types(store.system, table.name)
        return [(None, None) if values is None else (at, _protos(values, kinds)) for values in found]

    def _open(self, config: RepoConfig) -> TileStore | None:
        """The tiles, once a boundary was drawn."""
        if self._tiles is None and tiles_exist(config.online_store.tiles):
            store = open_tile_store(load_system(config.online_store.system), config.online_store.tiles)
            self._tiles = store if store.boundary() else None
        return self._tiles


def _entity(key: EntityKey, names: Sequence[str]) -> Entity:
    values = dict(zip(key.join_keys, key.entity_values, strict=True))
    return tuple(getattr(values[name], values[name].WhichOneof("val")) for name in names)


def _protos(values: dict[str, Any], kinds: dict[str, ColumnType]) -> dict[str, Value]:
    return {name: _proto(values[name], kind) for name, kind in kinds.items()}


def _proto(value: Any, kind: ColumnType) -> Value:
    if value is None:
        return Value()
    field: dict[str, Any] = {_FIELDS[kind]: to_microseconds(value) if kind == "timestamp" else value}
    return Value(**field)
