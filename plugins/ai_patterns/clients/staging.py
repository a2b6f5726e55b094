"""Staging: the files of one run, on their way from extraction to publication."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ai_patterns.clients.lake import Lake
from ai_patterns.errors import DataQualityError

if TYPE_CHECKING:
    import pyarrow.dataset as ds

FOLDER = "staging"
_MARKER = "audited.json"


@dataclass(frozen=True)
class Staging:
    """Parquet files of one run below the lake's `staging/` folder, and the marker of a passed audit.

    Attributes:
        lake: where they lie.
        run_id: the run; characters that no file system takes become `-`.
    """

    lake: Lake
    run_id: str

    def write(self, name: str, rows: pa.Table) -> None:
        """Write a table, replacing the last one of that name."""
        self._files.create_dir(self._path(name).rpartition("/")[0], recursive=True)
        pq.write_table(rows, self._path(name), filesystem=self._files)

    def read(self, name: str) -> pa.Table:
        """Read a table.

        Raises:
            DataQualityError: the run never wrote it.
        """
        try:
            return pq.read_table(self._path(name), filesystem=self._files)
        except FileNotFoundError:
            raise DataQualityError(f"run {self.run_id!r} has not extracted {name!r}; extract first") from None

    def digest(self, name: str) -> str:
        """SHA-256 of a table's file, empty where there is none."""
        try:
            with self._files.open_input_file(self._path(name)) as file:
                return hashlib.sha256(file.read()).hexdigest()
        except FileNotFoundError:
            return ""

    def dataset(self, names: Sequence[str], schema: pa.Schema) -> ds.Dataset:
        """Some tables as one dataset of the schema."""
        import pyarrow.dataset as ds

        return ds.dataset([self._path(name) for name in names], schema=schema, filesystem=self._files, format="parquet")

    def mark_audited(self, facts: dict[str, Any]) -> None:
        """Leave the marker that the audit passed."""
        self.note(_MARKER, facts)

    def audited(self) -> dict[str, Any] | None:
        """What the audit left, None where none has passed."""
        return self.noted(_MARKER)

    def note(self, name: str, facts: dict[str, Any]) -> None:
        """Keep facts beside the tables, the new ones or those before: never half of them."""
        target = f"{self._folder}/{name}"
        self._files.create_dir(self._folder, recursive=True)
        # Without a buffer of its own Arrow hands deltalake's file something else than bytes.
        with self._files.open_output_stream(f"{target}.new", buffer_size=2**16) as file:
            file.write(json.dumps(facts).encode())
        self._files.move(f"{target}.new", target)

    def noted(self, name: str) -> dict[str, Any] | None:
        """The facts of that name, None where there are none."""
        try:
            with self._files.open_input_file(f"{self._folder}/{name}") as file:
                facts: dict[str, Any] = json.loads(file.read())
                return facts
        except FileNotFoundError:
            return None

    def discard(self) -> None:
        """Remove all files of the run."""
        if self._files.get_file_info(self._folder).type == pafs.FileType.Directory:
            self._files.delete_dir(self._folder)

    def prune(self, before: dt.datetime) -> None:
        """Remove the files of any run that were last changed before an instant (UTC), but of a half done backfill."""
        held = self.lake.held()[0]
        for file in self._files.get_file_info(pafs.FileSelector("", recursive=True)):
            old = file.type == pafs.FileType.File and file.mtime is not None and file.mtime < before
            if old and file.path.partition("/")[0] != held:
                self._files.delete_file(file.path)

    @cached_property
    def _files(self) -> pafs.FileSystem:
        root = self.lake.path(FOLDER)
        if "://" not in root:
            Path(root).mkdir(parents=True, exist_ok=True)
            return pafs.SubTreeFileSystem(str(Path(root).absolute()), pafs.LocalFileSystem())
        from deltalake.fs import DeltaStorageHandler

        return pafs.PyFileSystem(DeltaStorageHandler(root, dict(self.lake.options)))

    @property
    def _folder(self) -> str:
        return re.sub(r"[^A-Za-z0-9._=-]", "-", self.run_id)

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}.parquet"
