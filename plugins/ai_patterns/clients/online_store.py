"""Feast's SQLite store and the online tiles, read without Feast: the same answers in a hundredth of the time.

Feast's own client (`clients/online_features.py`) stays the definition; a test holds both equal. What is read here is
Feast's own format: one table a view, its keys and values as `clients.feast_bytes` tells them.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_patterns.clients.feast_bytes import decode_value, key_writer, to_instant
from ai_patterns.clients.feast_repository import feature_types, view_names
from ai_patterns.clients.tile_notes import CONN_ID
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_stores import open_tile_store, tiles_exist
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.spec.features import column_name
from ai_patterns.spec.system import SystemSpec

_BUSY_SECONDS = 1.0

Columns = Mapping[str, Sequence[Any]]
Values = Mapping[str, Any] | None


@dataclass(frozen=True)
class FoundFeatures:
    """What the online store answered, as Python values.

    Attributes:
        columns: `group__feature` -> one value a row; an unknown entity's are the spec's defaults, else None.
        missing: group -> for each row whether its entity is unknown there.
    """

    columns: dict[str, list[Any]]
    missing: dict[str, list[bool]]


class OnlineStore:
    """Reads a system's features from the store of an applied Feast repository; safe to share between threads.

    Args:
        system: the system's spec.
        path: Feast's SQLite file.
        tiles: URL of the online tiles; None where the system has none.
    """

    def __init__(self, system: SystemSpec, path: Path | str, tiles: str | None) -> None:
        self._system, self._path = system, Path(path)
        self._tiles_url = tiles
        self._tiles: TileStore | None = None
        self._views = [_View(system, name) for name in view_names(system)]
        self._held = threading.local()

    def read(self, rows: Columns, count: int, at: Sequence[dt.datetime]) -> FoundFeatures:
        """Look up every feature of every row.

        Args:
            rows: at least the entity columns of the decisions.
            count: number of rows.
            at: the instant (UTC) as of which each row is read, where the store keeps tiles.

        Raises:
            ServiceUnavailableError: the repository was not applied or a store cannot be read.
        """
        try:
            tiles = self._open_tiles()
            columns: dict[str, list[Any]] = {}
            missing: dict[str, list[bool]] = {}
            with self._one_state() as connection:  # which ends before tiles are read: they may lie behind a network
                found = {v.name: v.read(connection, rows, count) for v in self._views if not (tiles and v.sliding)}
            for view in self._views:
                if tiles and view.sliding:
                    found[view.name] = view.read_tiles(tiles, rows, at)
                missing[view.name] = view.collect(found[view.name], columns)
        except sqlite3.Error as error:
            self._held = threading.local()
            raise _unavailable(error) from error
        return FoundFeatures(columns, missing)

    def check(self) -> None:
        """Raise `ServiceUnavailableError` unless the store can be read."""
        try:
            for view in self._views:
                self._connection().execute(f"{view.select} LIMIT 0", (b"",))
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    def _open_tiles(self) -> TileStore | None:
        """The tiles, once a boundary was drawn."""
        if self._tiles is None and self._tiles_url and tiles_exist(self._tiles_url):
            store = open_tile_store(self._system, self._tiles_url)
            self._tiles = store if store.boundary() else None
        return self._tiles

    @contextmanager
    def _one_state(self) -> Iterator[sqlite3.Connection]:
        """The store as it is at one moment, whoever writes meanwhile; it is also locked once and not for each query."""
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection to the file that is at the path now."""
        try:
            owner = os.getpid(), self._path.stat().st_ino
        except OSError as error:
            raise _unavailable(error) from error
        if getattr(self._held, "owner", None) != owner:
            uri = f"file:{self._path}?mode=ro"
            self._held.connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
            self._held.owner = owner
        return self._held.connection  # type: ignore[no-any-return]


class _View:
    """One feature view: its key, its table, its features."""

    def __init__(self, system: SystemSpec, name: str) -> None:
        self.name, self._keys = name, tuple(system.key_of(name))
        group = system.groups.get(name)
        self.sliding = group is not None and group.layer == "stream"
        self.select = f'SELECT feature_name, value FROM "{system.name}_{name}" WHERE entity_key = ?'  # noqa: S608
        self._pack = key_writer({key: system.decision_stream.columns[key].type == "string" for key in self._keys})
        defaults = system.feature_defaults
        kinds = feature_types(system, name)
        self._instants = frozenset(feature for feature, kind in kinds.items() if kind == "timestamp")
        self._doubles = frozenset(feature for feature, kind in kinds.items() if kind == "double")
        self._features = [(feature, column_name(name, feature)) for feature in kinds]
        self._defaults = {feature: defaults.get(column) for feature, column in self._features}

    def read(self, connection: sqlite3.Connection, rows: Columns, count: int) -> list[Values]:
        """Values of each row's entity, None for one that is unknown."""
        known: dict[tuple[Any, ...], Values] = {}
        found: list[Values] = []
        for key in self._entities(rows, count):
            if key not in known:
                known[key] = None if None in key else self._fetch(connection, key)
            found.append(known[key])
        return found

    def read_tiles(self, tiles: TileStore, rows: Columns, at: Sequence[dt.datetime]) -> list[Values]:
        """The same from tiles, each row as of its instant."""
        found: list[Values] = [None] * len(at)
        places: dict[dt.datetime, dict[tuple[Any, ...], list[int]]] = {}
        for row, key in enumerate(self._entities(rows, len(at))):
            if None not in key:
                places.setdefault(at[row], {}).setdefault(key, []).append(row)
        for instant, of in places.items():
            for values, places_of in zip(tiles.read(self.name, list(of), instant), of.values(), strict=True):
                for row in places_of:
                    found[row] = values and {name: self._typed(name, value) for name, value in values.items()}
        return found

    def collect(self, found: Sequence[Values], columns: dict[str, list[Any]]) -> list[bool]:
        """Add the view's columns; tell for each row whether its entity is unknown."""
        rows = [self._defaults if values is None else values for values in found]
        for feature, column in self._features:
            columns[column] = [values.get(feature) for values in rows]
        return [values is None for values in found]

    def _typed(self, name: str, value: Any) -> Any:
        return float(value) if name in self._doubles and value is not None else value

    def _entities(self, rows: Columns, count: int) -> list[tuple[Any, ...]]:
        return list(zip(*(rows[key] for key in self._keys), strict=True)) if self._keys else [()] * count

    def _fetch(self, connection: sqlite3.Connection, key: tuple[Any, ...]) -> Values:
        stored = connection.execute(self.select, (self._pack(key),)).fetchall()
        if not stored:
            return None
        values = {name: decode_value(content) for name, content in stored}
        for name in self._instants & values.keys():
            values[name] = to_instant(values[name])
        return values


def _unavailable(error: Exception) -> ServiceUnavailableError:
    return ServiceUnavailableError(f"the online feature store cannot be read: {error}", conn_id=CONN_ID)
