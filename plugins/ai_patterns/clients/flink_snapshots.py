"""Checkpoints and savepoints in Flink's storage: from which a job can go on, and which nobody needs.

Flink keeps them by job id, and a job that is restored has a new one. Here each query of each job's name has a folder
of its own, `{storage}/{name}/{query}/checkpoints/{job id}/chk-{n}` and `.../savepoints/savepoint-{...}`, so what it
left behind is found without a running Flink to ask, and never read as the state of another query.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import pyarrow.fs

METADATA = "_metadata"
"""The file that Flink writes last: a snapshot without it is not whole."""


@dataclass(frozen=True)
class Snapshot:
    """A whole checkpoint or savepoint.

    Attributes:
        path: its folder within the storage's file system.
        uri: how Flink is told of it.
        made_at: when it was completed, UTC.
    """

    path: str
    uri: str
    made_at: dt.datetime


class Snapshots:
    """What one job name left in the storage.

    Args:
        storage: folder or URI that holds the folders of all names, in any file system that Arrow knows.
        name: the job's name.
    """

    def __init__(self, storage: str, name: str) -> None:
        # A URI of Flink's with a space in it is none for Arrow: a local folder is taken as a path.
        path = storage.partition("file:")[2] if storage.startswith("file:") else storage
        if "://" in path and not path.startswith("//"):
            self._files, root = pyarrow.fs.FileSystem.from_uri(path)
            self._prefix = path[: path.index(root)]
        else:
            self._files, root = pyarrow.fs.LocalFileSystem(), "/" + path.lstrip("/")
            self._prefix = "file://"
        self._folder = f"{root.rstrip('/')}/{name}"

    def checkpoints(self, query: str) -> str:
        """URI of the folder of a query's checkpoints."""
        return f"{self._prefix}{self._folder}/{query}/checkpoints"

    def savepoints(self, query: str) -> str:
        """URI of the folder of a query's savepoints."""
        return f"{self._prefix}{self._folder}/{query}/savepoints"

    def all(self, query: str | None = None) -> list[Snapshot]:
        """Every whole snapshot of a query, or of all, the newest first."""
        found = [
            Snapshot(folder, f"{self._prefix}{folder}", each.mtime)
            for each in self._below(self._folder if query is None else f"{self._folder}/{query}")
            if each.base_name == METADATA and (folder := each.path.rpartition("/")[0])
        ]
        return sorted(found, key=lambda each: each.made_at, reverse=True)

    def newest(self, query: str) -> str | None:
        """URI of the newest snapshot of a query, None where there is none."""
        found = self.all(query)
        return found[0].uri if found else None

    def prune(self, keep: int, live: Collection[str] = ()) -> list[str]:
        """Delete all but the newest `keep` snapshots, and the folders of checkpoints that hold none any more.

        Args:
            keep: how many stay, at least one.
            live: ids of jobs that run: Flink itself tidies their checkpoints.

        Returns:
            The deleted folders.
        """
        mine = [each for each in self.all() if not any(f"/{job}/" in each.path for job in live)]
        stay = {each.path for each in self.all()[: max(keep, 1)]}
        gone = [each.path for each in mine if each.path not in stay]
        used = {each.path.rpartition("/")[0] for each in self.all() if each.path not in gone}
        gone += [folder for folder in self._jobs() if folder not in used and folder.rpartition("/")[2] not in live]
        outermost = [path for path in gone if not any(path.startswith(f"{other}/") for other in gone)]
        for path in outermost:
            self._files.delete_dir(path)
        return sorted(outermost)

    def _jobs(self) -> list[str]:
        return [each.path for each in self._below(self._folder) if each.path.split("/")[-2] == "checkpoints"]

    def _below(self, folder: str) -> list[pyarrow.fs.FileInfo]:
        selector = pyarrow.fs.FileSelector(folder, allow_not_found=True, recursive=True)
        found: list[pyarrow.fs.FileInfo] = self._files.get_file_info(selector)
        return found
