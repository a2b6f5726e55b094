"""The files behind Feast's `FileSource`: Parquet and Delta, read and written."""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from feast.data_format import DeltaFormat
from feast.data_source import DataSource
from feast.infra.offline_stores.file_source import FileSource
from feast.repo_config import RepoConfig


class Files:
    """A source's files.

    Args:
        config: the repository's; its offline store may have `storage_options` for object stores.
        source: a `FileSource`, of Delta or of Parquet (a file, or a folder of files).

    Raises:
        TypeError: the source is no `FileSource`.
    """

    def __init__(self, config: RepoConfig, source: DataSource) -> None:
        if not isinstance(source, FileSource):
            raise TypeError(
                f"data source {source.name!r} is a {type(source).__name__}; DuckDBOfflineStore reads a FileSource, "
                "Parquet by default or with file_format=DeltaFormat()"
            )
        self.uri = FileSource.get_uri_for_file_path(repo_path=config.repo_path, uri=source.path)
        self.is_delta = isinstance(source.file_format, DeltaFormat)
        self._source = source
        self._options = {**getattr(config.offline_store, "storage_options", {}), **_s3_options(source)}

    def dataset(self, only: Collection[str] | None = None) -> ds.Dataset:
        """The table as it is now.

        Args:
            only: names of files, as `versions` has them; by default all.
        """
        found = self._delta().to_pyarrow_dataset() if self.is_delta else self._parquet()
        if only is None:
            return found
        chosen = [fragment for fragment in found.get_fragments() if fragment.path in only]
        return ds.FileSystemDataset(chosen, found.schema, found.format, found.filesystem)

    def versions(self) -> dict[str, str]:
        """Each file's name and what tells its state: nothing for Delta's, which never change, else size and time."""
        found = self.dataset()
        names = [fragment.path for fragment in found.get_fragments()]
        if self.is_delta:
            return dict.fromkeys(names, "")
        return {info.path: f"{info.size} {info.mtime_ns}" for info in found.filesystem.get_file_info(names)}

    def exists(self) -> bool:
        """Whether there is a table yet."""
        if self.is_delta:
            return DeltaTable.is_deltatable(self.uri, storage_options=self._options)
        filesystem, path = self._place()
        return bool(filesystem.get_file_info(path).type != pa_fs.FileType.NotFound)

    def append(self, rows: pa.Table) -> None:
        """Add rows, as the columns that the table has."""
        if self.is_delta:
            write_deltalake(self.uri, self._fitting(rows), mode="append", storage_options=self._options)
            return
        filesystem, path = self._place()
        if not path.endswith(".parquet"):
            filesystem.create_dir(path)
            pq.write_table(self._fitting(rows), f"{path}/{uuid.uuid4().hex}.parquet", filesystem=filesystem)
            return
        held = [pq.read_table(path, filesystem=filesystem)] if self.exists() else []
        self._replace(pa.concat_tables([*held, self._fitting(rows)]))

    def overwrite(self, rows: pa.Table) -> None:
        """Make the table hold these rows alone."""
        if self.is_delta:
            write_deltalake(self.uri, rows, mode="overwrite", schema_mode="overwrite", storage_options=self._options)
            return
        filesystem, path = self._place()
        if path.endswith(".parquet"):
            self._replace(rows)
            return
        if self.exists():
            filesystem.delete_dir(path)
        filesystem.create_dir(path)
        pq.write_table(rows, f"{path}/{uuid.uuid4().hex}.parquet", filesystem=filesystem)

    def _replace(self, rows: pa.Table) -> None:
        """Put a whole file in the old one's place: a reader sees the one or the other."""
        filesystem, path = self._place()
        filesystem.create_dir(os.path.dirname(path))  # noqa: PTH120 (a path of any filesystem)
        draft = f"{path}.{uuid.uuid4().hex}.draft"
        pq.write_table(rows, draft, filesystem=filesystem)
        filesystem.move(draft, path)

    def _fitting(self, rows: pa.Table) -> pa.Table:
        if not self.exists():
            return rows
        schema = pa.schema(self._delta().schema().to_arrow()) if self.is_delta else self._parquet().schema
        return rows.select(schema.names).cast(schema.remove_metadata())

    def _parquet(self) -> ds.Dataset:
        filesystem, path = self._place()
        return ds.dataset(path, filesystem=filesystem, format="parquet", partitioning="hive")

    def _delta(self) -> DeltaTable:
        return DeltaTable(self.uri, storage_options=self._options)

    def _place(self) -> tuple[pa_fs.FileSystem, str]:
        filesystem, path = FileSource.create_filesystem_and_path(
            self.uri, self._source.s3_endpoint_override or "", self._source.resolve_credentials()
        )
        if filesystem is not None:
            return filesystem, path
        return pa_fs.FileSystem.from_uri(path) if "://" in path else (pa_fs.LocalFileSystem(), str(Path(path)))


def _s3_options(source: FileSource) -> Mapping[str, str]:
    found = dict(source.resolve_credentials() or {})
    if source.s3_endpoint_override:
        found["AWS_ENDPOINT_URL"] = source.s3_endpoint_override
    return found
