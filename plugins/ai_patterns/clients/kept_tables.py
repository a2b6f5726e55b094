"""Delta tables that stay open between the looks of a long-lived process, such as the pages of an API server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from deltalake import DeltaTable


class _Commit(NamedTuple):
    """The file of a commit: another table that was made in the same place has another one."""

    inode: int
    size: int
    changed: int


class KeptTables:
    """Tables of local folders, each as it was read last for as long as nobody commits to it.

    A look at two files of the log tells that: the newest commit is the one that was read, and there is none after it.
    Tables elsewhere are opened anew each time. Safe to use from several threads; a table is for reading alone.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[DeltaTable, _Commit]] = {}

    def open(self, path: str, read: Callable[[], DeltaTable]) -> DeltaTable:
        """The newest version of the table at `path`; `read` opens it where it is not the one that is kept."""
        kept = self._kept.get(path)
        if kept and _commit(path, kept[0].version()) == kept[1] and not _commit(path, kept[0].version() + 1):
            return kept[0]
        table = read()
        if commit := _commit(path, table.version()):
            self._kept[path] = table, commit
        return table


def _commit(path: str, version: int) -> _Commit | None:
    try:
        status = Path(path, "_delta_log", f"{version:020}.json").stat()
    except OSError:
        return None
    return _Commit(status.st_ino, status.st_size, status.st_ctime_ns)
