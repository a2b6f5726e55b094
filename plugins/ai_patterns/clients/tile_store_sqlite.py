"""Tiles in one SQLite file: for one machine, with several processes reading and writing."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ai_patterns.clients.tile_notes import CONN_ID, require_same
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_transaction import Place, Reader, Transaction
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.spec.system import SystemSpec

_BUSY_SECONDS = 30.0

# Identities lie in no order of time: their tree must stay in memory, or each batch reads most of it again.
_SETTINGS = "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 8000;"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (stream TEXT, id TEXT, day TEXT NOT NULL, PRIMARY KEY (stream, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tiles (
  space TEXT, entity BLOB, name TEXT, partials BLOB NOT NULL, PRIMARY KEY (space, entity, name)) WITHOUT ROWID;
"""


class SqliteTileStore(TileStore):
    """Tiles in a SQLite file.

    Args:
        system: the system.
        path: the file; made when absent.
    """

    def __init__(self, system: SystemSpec, path: Path) -> None:
        super().__init__(system)
        self.path = path
        self._held = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._told():
            connection = self._connection()
            connection.executescript(f"PRAGMA journal_mode = WAL;{_SCHEMA}")
            connection.execute("INSERT OR IGNORE INTO notes VALUES ('incarnation', ?)", (uuid.uuid4().hex,))
            self._incarnation = _Sqlite(connection).notes("incarnation")["incarnation"]

    def transact(self, work: Callable[[Transaction], Any]) -> Any:
        """Run `work` while no other process writes."""
        with self._begun("BEGIN IMMEDIATE") as connection:
            return work(_Sqlite(connection))

    def snapshot(self, work: Callable[[Reader], Any]) -> Any:
        """Run `work` in one transaction of SQLite, beside a writer's."""
        with self._begun("BEGIN") as connection:
            return work(_Sqlite(connection))

    def load(self, space: str, rows: Iterable[tuple[bytes, str, bytes]]) -> None:
        """Write rows in one transaction."""
        every = list(rows)  # made before the transaction, which keeps others from writing
        self.transact(lambda transaction: transaction.put(space, every))

    def drop(self, space: str, keep: Callable[[str], bool]) -> int:
        """Delete rows in one transaction."""
        with self._begun("BEGIN IMMEDIATE") as connection:
            connection.create_function("kept", 1, keep, deterministic=True)
            return connection.execute("DELETE FROM tiles WHERE space = ? AND NOT kept(name)", (space,)).rowcount

    @contextlib.contextmanager
    def _begun(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._told():
            connection = self._connection()
            connection.execute(begin)
            try:
                require_same(str(self.path), self._incarnation, _Sqlite(connection).notes("incarnation"))
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection to the file that is at the path now; none outlives a fork."""
        with contextlib.suppress(FileNotFoundError, AttributeError):
            owner, connection = self._held.connection
            if owner == (os.getpid(), self.path.stat().st_ino):
                return connection  # type: ignore[no-any-return]
        # A commit is on disk before it counts: the topic's offset moves with it.
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.executescript(_SETTINGS)
        self._held.connection = (os.getpid(), self.path.stat().st_ino), connection
        return connection

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise ServiceUnavailableError(
                f"the tiles in {self.path} cannot be read or written: {error}. Nothing of the batch is visible; free "
                "the file or make room, and run it again",
                conn_id=CONN_ID,
            ) from error


class _Sqlite:
    """One transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def notes(self, prefix: str) -> dict[str, str]:
        found = self._connection.execute(
            "SELECT name, text FROM notes WHERE name >= ? AND name < ?", (prefix, f"{prefix}\x7f")
        )
        return dict(found.fetchall())

    def note(self, name: str, text: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, text))

    def seen(self, stream: str, ids: Sequence[str]) -> frozenset[str]:
        sql = "SELECT id FROM seen WHERE stream = ? AND id IN (SELECT value FROM json_each(?))"
        return frozenset(row[0] for row in self._connection.execute(sql, (stream, json.dumps(sorted(ids)))))

    def remember(self, stream: str, day: dt.date, ids: Sequence[str]) -> None:
        sql = "INSERT OR IGNORE INTO seen SELECT ?, value, ? FROM json_each(?)"
        self._connection.execute(sql, (stream, day.isoformat(), json.dumps(sorted(ids))))

    def forget(self, stream: str, before: dt.date) -> None:
        self._connection.execute("DELETE FROM seen WHERE stream = ? AND day < ?", (stream, before.isoformat()))

    def rows(self, space: str, places: Sequence[Place]) -> list[bytes | None]:
        sql = (
            "SELECT partials FROM json_each(?) AS place LEFT JOIN tiles ON space = ? "
            "AND entity = CAST(value ->> 0 AS BLOB) AND name = value ->> 1 ORDER BY place.key"
        )
        wanted = json.dumps([(entity.decode(), name) for entity, name in places])
        return [row[0] for row in self._connection.execute(sql, (wanted, space))]

    def put(self, space: str, rows: Sequence[tuple[bytes, str, bytes]]) -> None:
        sql = "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?)"
        self._connection.executemany(sql, ((space, *row) for row in rows))

    def entities(self, space: str) -> list[bytes]:
        found = self._connection.execute("SELECT DISTINCT entity FROM tiles WHERE space = ?", (space,))
        return [row[0] for row in found]

    def entity_rows(self, space: str, entities: Sequence[bytes]) -> list[dict[str, bytes]]:
        sql = "SELECT name, partials FROM tiles WHERE space = ? AND entity = ?"
        return [dict(self._connection.execute(sql, (space, entity)).fetchall()) for entity in entities]
