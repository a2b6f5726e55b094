"""Feast as a client: open a repository, apply it, write values to its online store."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import runpy
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ai_patterns.errors import MissingDependencyError, ServiceUnavailableError

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView

CONN_ID = "ai_patterns_online_store"

log = logging.getLogger(__name__)


def open_store(folder: Path | str) -> FeatureStore:
    """Open the Feast repository in `folder`.

    Raises:
        MissingDependencyError: Feast is not installed.
        ServiceUnavailableError: the folder holds no applied repository yet.
    """
    os.environ.setdefault("FEAST_USAGE", "False")
    try:
        from feast import FeatureStore
    except ImportError:
        raise MissingDependencyError("feast", "features") from None
    path = Path(folder)
    if not (path / "feature_store.yaml").is_file():
        raise ServiceUnavailableError(
            f"there is no Feast repository in {path}; run the feature_store DAG first", conn_id=CONN_ID
        )
    return FeatureStore(repo_path=str(path))


def apply_definitions(folder: Path | str) -> dict[str, int]:
    """Do what `feast apply` does with the repository's `features.py`, and remove what it no longer names.

    A repository that stands applied is left alone: Feast takes ten seconds to find that out.

    Returns:
        Number of entities, views and services that the registry holds afterwards.

    Raises:
        MissingDependencyError: Feast is not installed.
        ServiceUnavailableError: the folder holds no repository.
    """
    record = Path(folder) / "data" / "applied.json"
    held = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    if held.get("digest") == _digest(Path(folder)):
        return dict(held["counts"])
    counts = _apply(folder)
    record.write_text(json.dumps({"digest": _digest(Path(folder)), "counts": counts}), "utf-8")
    return counts


def _digest(folder: Path) -> str:
    """Of the repository's files, Feast's version and the registry's change counter (SQLite file format, 1.3.7)."""
    parts = [path.read_bytes() for path in sorted(folder.glob("feature*.*"))]
    registry = folder / "data" / "registry.db"
    counter = registry.read_bytes()[24:28] if registry.is_file() else b""
    with contextlib.suppress(metadata.PackageNotFoundError):
        parts.append(metadata.version("feast").encode())
    return hashlib.sha256(b"\0".join([*parts, counter])).hexdigest()


def _apply(folder: Path | str) -> dict[str, int]:
    store = open_store(folder)
    defined = _feast_objects(runpy.run_path(str(Path(folder) / "features.py")))
    store.apply(defined, objects_to_delete=_absent(store, defined), partial=False)
    return {
        "entities": len(_entities(store)),
        "views": len(store.list_feature_views()),
        "services": len(store.list_feature_services()),
    }


def write_online(store: FeatureStore, view: FeatureView, rows: pa.Table) -> int:
    """Write rows into the online store, one for each entity, overwriting what stands there, be it newer.

    Args:
        store: the open repository.
        view: the feature view that the rows belong to.
        rows: the view's entity columns, features and timestamp field.

    Returns:
        Number of entities written.
    """
    online: Any = store.provider.online_store
    written: int = online.online_write_arrow(store.config, view, rows, keep_newer=False).rows
    return written


def latest_values(store: FeatureStore, view: FeatureView, at: datetime) -> pa.Table:
    """Each entity's values at an instant, read through the repository's own offline store."""
    source: Any = view.batch_source
    keys = [column.name for column in view.entity_columns]
    job = store._get_provider().offline_store.pull_latest_from_table_or_query(
        config=store.config,
        data_source=source,
        join_key_columns=[] if _is_entity_less(keys) else keys,
        feature_name_columns=[feature.name for feature in view.features],
        timestamp_field=source.timestamp_field,
        created_timestamp_column=source.created_timestamp_column,
        start_date=datetime.fromtimestamp(0, UTC),
        end_date=at,
    )
    return job.to_arrow()


def _is_entity_less(keys: list[str]) -> bool:
    from feast.feature_view import DUMMY_ENTITY_ID

    return keys == [DUMMY_ENTITY_ID] or not keys


def _feast_objects(namespace: dict[str, Any]) -> list[Any]:
    from feast import Entity, FeatureService, FeatureView

    return [value for value in namespace.values() if isinstance(value, Entity | FeatureView | FeatureService)]


def _absent(store: FeatureStore, defined: list[Any]) -> list[Any]:
    names = {(type(item).__name__, item.name) for item in defined}
    held = [*store.list_feature_services(), *store.list_feature_views(), *_entities(store)]
    return [item for item in held if (type(item).__name__, item.name) not in names]


def _entities(store: FeatureStore) -> list[Any]:
    from feast.feature_view import DUMMY_ENTITY_NAME

    return [item for item in store.list_entities() if item.name != DUMMY_ENTITY_NAME]
