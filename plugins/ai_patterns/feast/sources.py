"""Feast's views and data sources as the DuckDB engine joins them: columns, names, times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from feast.data_source import DataSource
from feast.feature_view import DUMMY_ENTITY_ID, FeatureView
from feast.repo_config import RepoConfig

from ai_patterns.feast.files import Files
from ai_patterns.feast.point_in_time import Source


def joined_source(
    config: RepoConfig, view: FeatureView, names: Sequence[str], *, full: bool, as_created: bool
) -> Source:
    """The source of a view, for a join with entity rows.

    Args:
        config: the repository's.
        view: with its projection: the names and join keys that a request has for it.
        names: the features that are wanted.
        full: whether a feature is named `view__feature`.
        as_created: takes the created timestamp for the known time where the source is not tagged with one.

    Raises:
        ValueError: the view has no batch source.
    """
    batch: Any = view.batch_source
    if batch is None:
        raise ValueError(f"feature view {view.name!r} has no batch source to be read from")
    projection: Any = view.projection
    columns = {name: column for column, name in (batch.field_mapping or {}).items()}
    created = columns.get(batch.created_timestamp_column, batch.created_timestamp_column) or None
    renamed = projection.join_key_map or {}
    keys = [column.name for column in view.entity_columns if column.name != DUMMY_ENTITY_ID]
    prefix = f"{projection.name_to_use()}__" if full else ""
    return Source(
        data=Files(config, batch).dataset(),
        keys={columns.get(key, key): renamed.get(key, key) for key in keys},
        features={columns.get(name, name): f"{prefix}{name}" for name in names},
        time=columns.get(batch.timestamp_field, batch.timestamp_field),
        created=created,
        known=batch.tags.get("known_time") or (created if as_created else None),
        ttl=view.ttl or timedelta(0),
        instants_as_integers=_as_integers(batch),
    )


def pulled_source(
    config: RepoConfig,
    data_source: DataSource,
    keys: Sequence[str],
    features: Sequence[str],
    time: str,
    created: str | None,
) -> Source:
    """A source whose columns are wanted under their own names.

    Args:
        config: the repository's.
        data_source: the source.
        keys: its join keys.
        features: its features; without any, all other columns.
        time: its timestamp column.
        created: its column of created timestamps, if it has one.
    """
    data = Files(config, data_source).dataset()
    names = features or [name for name in data.schema.names if name not in {*keys, time, created}]
    return Source(
        data=data,
        keys={key: key for key in keys},
        features={name: name for name in names},
        time=time,
        created=created or None,
        instants_as_integers=_as_integers(data_source),
    )


def _as_integers(source: DataSource) -> bool:
    return bool((source.tags or {}).get("instants") == "microseconds")
