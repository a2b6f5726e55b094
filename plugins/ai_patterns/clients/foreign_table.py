"""A table that others have written: Delta, Parquet or CSV, wherever it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pa_fs
from deltalake import DeltaTable

from ai_patterns.errors import ServiceUnavailableError


def read_table(uri: str, options: Mapping[str, str] | None = None) -> pa.Table:
    """All rows of a table.

    Args:
        uri: folder or URI of a Delta table, of a Parquet or CSV file, or of a folder of Parquet files.
        options: credentials and endpoints of a Delta table's object store; other files take them from the environment.

    Raises:
        ServiceUnavailableError: there is no such table, or it cannot be read.
    """
    told = dict(options or {})
    try:
        suffix = Path(uri).suffix
        if suffix not in {".parquet", ".csv"} and DeltaTable.is_deltatable(uri, storage_options=told):
            return DeltaTable(uri, storage_options=told).to_pyarrow_table()
        filesystem, path = pa_fs.FileSystem.from_uri(uri if "://" in uri else str(Path(uri).absolute()))
        form = "csv" if suffix == ".csv" else "parquet"
        return ds.dataset(path, filesystem=filesystem, format=form, partitioning="hive").to_table()
    except (OSError, RuntimeError, pa.ArrowInvalid) as error:
        problem = f"the table {uri} cannot be read as Delta, Parquet or CSV: {error}"
        raise ServiceUnavailableError(problem) from error
