"""What was materialized: a row a view and run, in a SQLite file beside the repository."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_TABLE = """
CREATE TABLE IF NOT EXISTS materializations (
  project TEXT, view TEXT, window_start TEXT, window_end TEXT, started_at TEXT, finished_at TEXT,
  entities INTEGER, older INTEGER, files TEXT
)"""


@dataclass(frozen=True)
class Materialization:
    """One run for one view. Instants are UTC.

    Attributes:
        start: the window's first instant.
        end: its last one.
        finished_at: when it had written everything.
        entities: how many were written.
        older: how many were left alone, since the store held newer events of theirs.
        files: the source's files that were read, and their states.
    """

    start: datetime
    end: datetime
    finished_at: datetime
    entities: int
    older: int
    files: Mapping[str, str]


class Ledger:
    """The file.

    Args:
        path: where it lies; it is made when it is first needed.
        project: Feast's project.
    """

    def __init__(self, path: Path, project: str) -> None:
        self._path, self._project = path, project

    def add(self, view: str, started_at: datetime, run: Materialization) -> None:
        """Note a run that is done."""
        times = [moment.astimezone(UTC).isoformat() for moment in (run.start, run.end, started_at, run.finished_at)]
        row = [self._project, view, *times, run.entities, run.older, json.dumps(dict(run.files))]
        with self._open() as connection:
            connection.execute("INSERT INTO materializations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def runs(self, view: str) -> list[Materialization]:
        """A view's runs, the first one first."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT window_start, window_end, finished_at, entities, older, files FROM materializations "
                "WHERE project = ? AND view = ? ORDER BY rowid",
                [self._project, view],
            ).fetchall()
        return [_run(row) for row in found]

    def forget(self, view: str) -> None:
        """Drop a view's runs, as the view is dropped."""
        with self._open() as connection:
            connection.execute("DELETE FROM materializations WHERE project = ? AND view = ?", [self._project, view])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=60)
        try:
            with connection:
                connection.execute(_TABLE)
                yield connection
        finally:
            connection.close()


def _run(row: tuple[Any, ...]) -> Materialization:
    start, end, finished_at = (datetime.fromisoformat(item) for item in row[:3])
    return Materialization(start, end, finished_at, row[3], row[4], json.loads(row[5]))
