"""A query of the offline store that runs when its result is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage

from ai_patterns.feast.files import Files


class DuckDBRetrievalJob(RetrievalJob):
    """Feast's contract of a retrieval.

    Args:
        config: the repository's.
        query: makes the result.
        full_feature_names: whether columns are named `view__feature`.
        on_demand: views that Feast computes from the result.
        metadata: what was asked for.
    """

    def __init__(
        self,
        config: RepoConfig,
        query: Callable[[], pa.Table],
        *,
        full_feature_names: bool = False,
        on_demand: Sequence[OnDemandFeatureView] = (),
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        self._config, self._query = config, query
        self._full_feature_names, self._on_demand, self._metadata = full_feature_names, list(on_demand), metadata

    @property
    def full_feature_names(self) -> bool:
        """Whether columns are named `view__feature`."""
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The views that Feast computes from the result."""
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What was asked for."""
        return self._metadata

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Keep the result as a saved dataset: a Parquet file, a folder of them, or a Delta table.

        Raises:
            SavedDatasetLocationAlreadyExists: something is there and may not be overwritten.
            TypeError: the storage is not of files.
        """
        if not isinstance(storage, SavedDatasetFileStorage):
            raise TypeError(f"a {type(storage).__name__} is no place for files; use SavedDatasetFileStorage")
        files = Files(self._config, storage.to_data_source())
        if files.exists() and not allow_overwrite:
            raise SavedDatasetLocationAlreadyExists(location=files.uri)
        files.overwrite(self.to_arrow(timeout=timeout))

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002 (Feast's signature)
        return self._query()

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return frame


class PullJob(DuckDBRetrievalJob):
    """Rows of a source, for an online store: read at once, or as a stream."""

    def __init__(self, config: RepoConfig, read: Callable[[], pa.RecordBatchReader], keys: Sequence[str]) -> None:
        super().__init__(config, lambda: self.stream().read_all())
        self._read, self._keys = read, keys

    def stream(self) -> pa.RecordBatchReader:
        """Batches; a view without entities gets the one that Feast gives it."""
        reader = self._read()
        if self._keys:
            return reader
        schema = reader.schema.append(pa.field(DUMMY_ENTITY_ID, pa.string()))
        return pa.RecordBatchReader.from_batches(schema, (_with_dummy(batch, schema) for batch in reader))


def _with_dummy(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    dummy: Any = pa.array([DUMMY_ENTITY_VAL] * batch.num_rows, pa.string())
    return pa.RecordBatch.from_arrays([*batch.columns, dummy], schema=schema)
