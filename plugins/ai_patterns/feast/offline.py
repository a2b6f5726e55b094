"""A Feast offline store over Delta and Parquet files, computed by DuckDB.

A point-in-time join is an ASOF join: every entity row comes back, in its place, with the newest values at or before its
time. A source with the tag `known_time: COLUMN` is joined on what was known: a row counts from that column's instant
on, so what was corrected later does not leak into a training set.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from feast.data_source import DataSource
from feast.feature_logging import LoggingConfig, LoggingSource
from feast.feature_view import FeatureView
from feast.infra.offline_stores.file_source import FileLoggingDestination
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.utils import _get_requested_feature_views_to_features_dict

from ai_patterns.core.sessions import Limits
from ai_patterns.feast.entity_rows import EntityRows, entity_rows
from ai_patterns.feast.files import Files
from ai_patterns.feast.point_in_time import Window, latest_rows, point_in_time, rows_between
from ai_patterns.feast.retrieval import DuckDBRetrievalJob, PullJob
from ai_patterns.feast.sources import joined_source, pulled_source


class DuckDBOfflineStoreConfig(FeastConfigBaseModel):
    """Configuration of `DuckDBOfflineStore`.

    Attributes:
        storage_options: credentials and endpoints of an object store; by default those of the environment.
        memory_limit: of DuckDB, such as `2GB`; what does not fit goes to a file. By default what
            `AI_PATTERNS_ENGINE_MEMORY` says, else 80% of the machine's.
        threads: of DuckDB; by default what `AI_PATTERNS_ENGINE_THREADS` says, else one a core.
    """

    type: str = "ai_patterns.feast.DuckDBOfflineStore"
    storage_options: dict[str, str] = {}
    memory_limit: str | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Late:
    """Rows that came after the runs that would have taken them.

    Attributes:
        files: the names of the files in which they lie.
        window: their event times.
    """

    files: Sequence[str]
    window: Window


class DuckDBOfflineStore(OfflineStore):
    """Feast's offline store over files."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        **dates: Any,
    ) -> RetrievalJob:
        """Join each entity row with the values that were valid, and known, at its time.

        Args:
            entity_df: a data frame, or SQL that DuckDB runs, with an event timestamp; naive times are UTC. Without it
                every entity that has a value between `start_date` and `end_date`, as of `end_date`.
            filter_by_created_timestamp: takes the created timestamp for the known time of every source that has one.
        """
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        wanted, _ = _get_requested_feature_views_to_features_dict(feature_refs, feature_views, on_demand)
        limits = _limits(config)
        sources = [
            joined_source(config, view, names, full=full_feature_names, as_created=filter_by_created_timestamp)
            for view, names in wanted.items()
        ]
        rows = entity_rows(entity_df, sources, feature_views, limits, dates)
        return DuckDBRetrievalJob(
            config,
            lambda: point_in_time(rows.table, rows.time, sources, limits),
            full_feature_names=full_feature_names,
            on_demand=on_demand,
            metadata=_metadata(rows, feature_refs),
        )

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
        source = pulled_source(
            config, data_source, join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column
        )
        parts = [(source.data, Window(start_date, end_date))]
        return PullJob(config, lambda: latest_rows(source, parts, _limits(config)), join_key_columns)

    @staticmethod
    def latest(
        config: RepoConfig, data_source: DataSource, window: Window, late: Late | None, ordered: bool, **names: Any
    ) -> pa.RecordBatchReader:
        """The newest row of each entity of a window, and of late rows, as a stream.

        Args:
            ordered: whether in the order of the serialized entity keys.
            names: the columns, as `pull_latest_from_table_or_query` takes them.
        """
        keys, features = names["join_key_columns"], names["feature_name_columns"]
        source = pulled_source(
            config, data_source, keys, features, names["timestamp_field"], names["created_timestamp_column"]
        )
        parts = [(source.data, window)]
        if late:
            parts.append((Files(config, data_source).dataset(late.files), late.window))
        return PullJob(config, lambda: latest_rows(source, parts, _limits(config), ordered=ordered), keys).stream()

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
        """Every row between two instants, both included, the oldest first; without them, every row."""
        source = pulled_source(
            config, data_source, join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column
        )
        window = Window(start_date, end_date)
        return PullJob(config, lambda: rows_between(source, window, _limits(config)), join_key_columns)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Append rows to the view's batch source.

        Raises:
            ValueError: the columns are not those of the source.
        """
        source: Any = feature_view.batch_source
        table = _as_in_source(table, source)
        files = Files(config, source)
        held = files.dataset().schema.names if files.exists() else table.column_names
        if set(held) != set(table.column_names):
            raise ValueError(
                f"rows for {files.uri} have the columns {sorted(table.column_names)}; the table has {sorted(held)}"
            )
        files.append(table)
        if progress:
            progress(table.num_rows)

    @staticmethod
    def write_logged_features(
        config: RepoConfig,
        data: pa.Table | Path,
        source: LoggingSource,  # noqa: ARG004 (Feast's signature)
        logging_config: LoggingConfig,
        registry: BaseRegistry,  # noqa: ARG004
    ) -> None:
        """Add a feature service's logs to its folder of Parquet files."""
        destination = logging_config.destination
        if not isinstance(destination, FileLoggingDestination):
            raise TypeError(f"a {type(destination).__name__} is no place for files; use FileLoggingDestination")
        place = Files(config, destination.to_data_source())
        ds.write_dataset(
            ds.dataset(data, format="parquet") if isinstance(data, Path) else data,
            place.uri,
            format="parquet",
            basename_template=f"{uuid.uuid4().hex}-{{i}}.parquet",
            partitioning=destination.partition_by,
            partitioning_flavor="hive" if destination.partition_by else None,
            existing_data_behavior="overwrite_or_ignore",
        )


def _limits(config: RepoConfig) -> Limits:
    limits, store = Limits.from_environment(), config.offline_store
    return replace(limits, memory=store.memory_limit or limits.memory, threads=store.threads or limits.threads)


def _metadata(rows: EntityRows, feature_refs: list[str]) -> RetrievalMetadata:
    keys = [name for name in rows.table.column_names if name != rows.time]
    return RetrievalMetadata(feature_refs, keys, rows.first, rows.last)


def _as_in_source(table: pa.Table, source: DataSource) -> pa.Table:
    """Under the names of the source: Feast has renamed what the field mapping names, and pandas adds its index."""
    table = table.select([name for name in table.column_names if not name.startswith("__index_level_")])
    columns = {name: column for column, name in (source.field_mapping or {}).items()}
    return table.rename_columns([columns.get(name, name) for name in table.column_names])
