"""A Feast offline store over Delta tables, computed by DuckDB.

It stands alone: name it in any `feature_store.yaml` as
`offline_store: {type: ai_patterns.clients.feast_offline.DeltaOfflineStore}` and point the views at `FileSource`s
with `DeltaFormat`. Point-in-time joins are DuckDB's ASOF joins: no entity row is lost, and the newest value
at or before the row's time wins.

Feast imports this module by its name, so it alone among the clients imports Feast at its top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
from feast.data_source import DataSource
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL, FeatureView
from feast.infra.offline_stores import offline_utils
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.utils import _get_requested_feature_views_to_features_dict

from ai_patterns.clients.delta_sql import Source, latest_rows, point_in_time, rows_between


class DeltaOfflineStoreConfig(FeastConfigBaseModel):
    """Configuration of `DeltaOfflineStore`.

    Attributes:
        storage_options: credentials and endpoints of an object store; by default those of the environment.
    """

    type: str = "ai_patterns.clients.feast_offline.DeltaOfflineStore"
    storage_options: dict[str, str] = {}


class DeltaRetrievalJob(RetrievalJob):
    """A query that runs when its result is asked for."""

    def __init__(
        self, query: Callable[[], pa.Table], full_feature_names: bool, metadata: RetrievalMetadata | None = None
    ) -> None:
        self._query, self._full_feature_names, self._metadata = query, full_feature_names, metadata

    @property
    def full_feature_names(self) -> bool:
        """Whether columns are named `view__feature`."""
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """Always empty: on-demand views are not joined here."""
        return []

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What was asked for."""
        return self._metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002 (Feast's signature)
        return self._query()

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return frame


class DeltaOfflineStore(OfflineStore):
    """Feast's offline reads over Delta tables; it never writes."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,  # noqa: ARG004 (Feast's signature)
        project: str,  # noqa: ARG004
        full_feature_names: bool = False,
        **_: Any,
    ) -> RetrievalJob:
        """Join each entity row with the values that were valid at its time.

        Args:
            entity_df: a data frame, or SQL that DuckDB runs, with an event timestamp; naive times are UTC.
        """
        entities = _entity_rows(entity_df)
        schema = dict(zip(entities.schema.names, entities.to_pandas().dtypes, strict=True))
        time = offline_utils.infer_event_timestamp_from_entity_df(schema)
        wanted, _on_demand = _get_requested_feature_views_to_features_dict(feature_refs, feature_views, [])
        sources = [_view_source(config, view, names, full_feature_names) for view, names in wanted.items()]
        metadata = RetrievalMetadata(features=feature_refs, keys=[name for name in schema if name != time])
        return DeltaRetrievalJob(lambda: point_in_time(entities, time, sources), full_feature_names, metadata)

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """The newest row of each entity between two instants, both included."""
        source = _source(
            config, data_source, join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column
        )
        return _job(lambda: latest_rows(source, start_date, end_date), join_key_columns)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Every row between two instants, both included; without them, every row."""
        source = _source(
            config, data_source, join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column
        )
        return _job(lambda: rows_between(source, start_date, end_date), join_key_columns)


def _job(query: Callable[[], pa.Table], keys: Sequence[str]) -> RetrievalJob:
    def run() -> pa.Table:
        rows = query()
        if keys:
            return rows
        return rows.append_column(DUMMY_ENTITY_ID, pa.array([DUMMY_ENTITY_VAL] * rows.num_rows, pa.string()))

    return DeltaRetrievalJob(run, full_feature_names=False)


def _entity_rows(entity_df: pd.DataFrame | str | None) -> pa.Table:
    if entity_df is None:
        raise TypeError("DeltaOfflineStore joins entity rows; pass entity_df as a data frame or as SQL")
    if isinstance(entity_df, str):
        return duckdb.connect().execute(entity_df).to_arrow_table()
    return pa.Table.from_pandas(entity_df, preserve_index=False)


def _view_source(config: RepoConfig, view: FeatureView, names: Sequence[str], full_feature_names: bool) -> Source:
    batch: Any = view.batch_source
    projection: Any = view.projection
    mapped = projection.join_key_map or {}
    prefix = f"{projection.name_to_use()}__" if full_feature_names else ""
    keys = [column.name for column in view.entity_columns if column.name != DUMMY_ENTITY_ID]
    source = _source(config, batch, keys, names, batch.timestamp_field, batch.created_timestamp_column)
    return source.renamed(
        keys={key: mapped.get(key, key) for key in keys},
        features={name: f"{prefix}{name}" for name in names},
        ttl=view.ttl or timedelta(0),
    )


def _source(
    config: RepoConfig,
    data_source: DataSource,
    keys: Sequence[str],
    features: Sequence[str],
    time: str,
    created: str | None,
) -> Source:
    if not isinstance(data_source, FileSource):
        raise TypeError(f"DeltaOfflineStore reads a FileSource with DeltaFormat, not a {type(data_source).__name__}")
    uri = FileSource.get_uri_for_file_path(repo_path=config.repo_path, uri=data_source.path)
    return Source(
        uri=uri,
        options=config.offline_store.storage_options,
        keys={key: key for key in keys},
        features={name: name for name in features},
        time=time,
        created=created or None,
        instants_as_integers=data_source.tags.get("instants") == "microseconds",
    )
