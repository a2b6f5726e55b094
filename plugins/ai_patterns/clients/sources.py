"""Sources of raw rows: files of an installed package, files by path or glob, and SQL queries."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from ai_patterns.errors import AIPatternsError, ServiceRejectedError, ServiceUnavailableError
from ai_patterns.spec.sources import SourceSpec

ReadQuery = Callable[[str, str], pa.Table]
"""Runs SQL through an Airflow connection: `(conn_id, sql) -> rows`."""

_TYPES = {"string": pa.string(), "integer": pa.int64(), "double": pa.float64()}


class Source(Protocol):
    """One raw table."""

    def signature(self) -> Hashable | None:
        """Equal as long as the content is; None where that cannot be told without reading."""

    def read(self) -> pa.Table:
        """All rows.

        Raises:
            ServiceUnavailableError: the file or the connection is away.
            ServiceRejectedError: it is there and cannot be read.
        """


@dataclass(frozen=True)
class FileSource:
    """CSV (also `.csv.zip`, `.csv.gz`) or Parquet files of one schema, read in order of their names."""

    name: str
    pattern: Path
    spec: SourceSpec

    def signature(self) -> Hashable | None:
        """Path, size and time of change of every file, and how they are parsed."""
        stats = [(str(file), file.stat()) for file in self._files()]
        files = tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)
        return files, self.spec.nulls, tuple(sorted(self.spec.types.items()))

    def read(self) -> pa.Table:
        """Read every file and put them one after the other."""
        tables = [self._read(file) for file in self._files()]
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")

    def _files(self) -> list[Path]:
        root = Path(self.pattern.anchor)
        files = [self.pattern] if self.pattern.is_file() else sorted(root.glob(str(self.pattern.relative_to(root))))
        if not files:
            raise ServiceUnavailableError(f"source {self.name!r}: there is no file {self.pattern}")
        return files

    def _read(self, file: Path) -> pa.Table:
        try:
            if file.suffix == ".parquet":
                return pq.read_table(file)
            return _read_csv(_content(file), self.spec)
        except (pa.ArrowException, zipfile.BadZipFile, EOFError, OSError) as error:
            raise ServiceRejectedError(f"source {self.name!r}: cannot read {file}: {error}") from error


@dataclass(frozen=True)
class QuerySource:
    """Rows of a query that the caller runs, through an Airflow hook for instance."""

    name: str
    conn_id: str
    sql: str
    read_query: ReadQuery | None

    def signature(self) -> Hashable | None:
        """None: a database may change between two queries."""
        return None

    def read(self) -> pa.Table:
        """Run the query."""
        if self.read_query is None:
            raise ServiceUnavailableError(
                f"source {self.name!r} is a query, and nothing was given to run it with", conn_id=self.conn_id
            )
        try:
            return self.read_query(self.conn_id, self.sql)
        except AIPatternsError:
            raise
        except Exception as error:  # a driver's own error tree is unknown here
            raise ServiceUnavailableError(
                f"source {self.name!r}: the query failed: {error}", conn_id=self.conn_id
            ) from error


def open_source(
    name: str, spec: SourceSpec, folder: Path, *, read_query: ReadQuery | None = None, override: str | None = None
) -> Source:
    """The source that `spec` describes.

    Args:
        name: what the system's SQL calls it.
        spec: its description.
        folder: the system's folder; relative paths start there.
        read_query: runs queries; needed for query sources only.
        override: a file to read instead, for this run.

    Raises:
        ServiceUnavailableError: its package is not installed.
    """
    if override is not None:
        return FileSource(name, Path(override).absolute(), spec)
    if spec.query is not None:
        return QuerySource(name, spec.conn_id or "", spec.query, read_query)
    root = folder if spec.package is None else _package_folder(name, spec.package)
    return FileSource(name, (root / (spec.path or "")).absolute(), spec)


def _package_folder(name: str, package: str) -> Path:
    # The package is found, not imported: its own imports may be broken while its data is fine.
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ServiceUnavailableError(f"source {name!r}: the package {package!r} is not installed")
    return Path(found.submodule_search_locations[0])


def _content(file: Path) -> pa.Buffer:
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            return pa.py_buffer(archive.read(archive.namelist()[0]))
    with pa.input_stream(str(file)) as stream:  # also decompresses .gz
        return stream.read_buffer()


def _read_csv(content: pa.Buffer, spec: SourceSpec) -> pa.Table:
    types = {column: _TYPES[name] for column, name in spec.types.items()}
    try:
        return _parse(content, spec, types)
    except pa.ArrowInvalid:
        # A value that is not of the declared type must reach the quarantine, so it is kept as text.
        return _parse(content, spec, dict.fromkeys(types, pa.string()))


def _parse(content: pa.Buffer, spec: SourceSpec, types: dict[str, pa.DataType]) -> pa.Table:
    return pacsv.read_csv(
        pa.BufferReader(content),
        # One block: types are guessed from the whole file, not from its first megabyte.
        read_options=pacsv.ReadOptions(block_size=max(content.size, 1)),
        convert_options=pacsv.ConvertOptions(
            null_values=list(spec.nulls), strings_can_be_null=True, column_types=types
        ),
    )
