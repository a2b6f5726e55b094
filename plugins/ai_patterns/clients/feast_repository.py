"""A Feast repository, written from a system's spec: a folder that a person can read and `feast apply`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.clients.home import Home
from ai_patterns.errors import SpecError
from ai_patterns.spec.features import column_name
from ai_patterns.spec.streams import ColumnSpec, ColumnType
from ai_patterns.spec.system import SystemSpec

if TYPE_CHECKING:
    from ai_patterns.clients.lake import Lake

TIMESTAMP_FIELD = "valid_from"

_FEAST_TYPES: dict[ColumnType, str] = {
    "string": "String",
    "integer": "Int64",
    "double": "Float64",
    "boolean": "Bool",
    "timestamp": "Int64",
}
_KEY_TYPES: dict[ColumnType, str] = {"string": "STRING", "integer": "INT64"}

_STORE = """\
# Written from system.yaml by ai-patterns; a change here is overwritten.
project: {project}
provider: local
registry:
  registry_type: sql
  path: {registry}
  cache_ttl_seconds: 60
offline_store:
  type: ai_patterns.feast.DuckDBOfflineStore
batch_engine:
  type: ai_patterns.feast.MaterializationEngine
online_store:
  type: {store}
  path: {online}
{tiles}entity_key_serialization_version: 3
"""

_TILE_STORE = "ai_patterns.clients.feast_online.TileSqliteOnlineStore"

_TILES = """\
  tiles: {tiles}
  system: {system}
"""

_HEADER = '''\
"""Feature definitions of `{project}`, written from system.yaml by ai-patterns: change that file, not this one.

Every source is a Delta table of the lake that holds a complete log of changes: a value stands until the
next one, so no view has a time to live. Instants are Int64 microseconds since 1970, UTC, because Feast's own
timestamp type keeps whole seconds only.
"""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Bool, Float64, Int64, String

LAKE = {lake}


def table(path: str) -> FileSource:
    """A table of the lake, read at the instant from which each row is valid."""
    return FileSource(
        name=path,
        path=f"{{LAKE}}/{{path}}",
        file_format=DeltaFormat(),
        timestamp_field="valid_from",
        tags={{"instants": "microseconds"}},
    )

'''


def service_name(system: SystemSpec) -> str:
    """Name of the Feast feature service that holds all the features of the system's model."""
    return f"{system.name}_model"


def view_names(system: SystemSpec) -> tuple[str, ...]:
    """Every group and lookup: each is one feature view of the same name."""
    return (*system.groups, *system.lookups)


def view_table(system: SystemSpec, view: str) -> str:
    """The lake's table behind a feature view."""
    return f"values/{view}" if view in system.groups else f"dimensions/{system.lookups[view].dimension}"


def key_columns(system: SystemSpec) -> dict[str, ColumnSpec]:
    """Every entity column with its declaration, sorted by name.

    Raises:
        SpecError: a key has a type that Feast cannot look up.
    """
    names = sorted({key for view in view_names(system) for key in system.key_of(view)})
    columns = {name: system.decision_stream.columns[name] for name in names}
    for name, column in columns.items():
        if column.type not in _KEY_TYPES:
            raise SpecError(f"a key must be a string or an integer, not a {column.type}", field=f"columns.{name}")
    return columns


def feature_types(system: SystemSpec, view: str) -> dict[str, ColumnType]:
    """Type of each feature of a view: `last` and a looked up column keep theirs, all else is a double."""
    if view in system.lookups:
        lookup = system.lookups[view]
        return {name: system.dimensions[lookup.dimension].columns[name].type for name in lookup.columns}
    group = system.groups[view]
    columns = system.streams[group.stream].columns
    kinds: list[ColumnType] = [
        columns[item.column].type if item.function == "last" and item.column else "double"
        for item in group.aggregations.values()
        for _ in item.windows
    ]
    return dict(zip(group.features, kinds, strict=True))


def column_types(system: SystemSpec) -> dict[str, ColumnType]:
    """Type of each decision input and of each stored feature."""
    columns = system.decision_stream.columns
    kinds = {name: columns[name].type for name in system.decision.inputs}
    for view in view_names(system):
        kinds |= {column_name(view, feature): kind for feature, kind in feature_types(system, view).items()}
    return kinds


def streams(system: SystemSpec) -> bool:
    """Whether a group of the stream layer has a topic behind it."""
    return any(group.layer == "stream" and system.streams[group.stream].topic for group in system.groups.values())


def write_repository(system: SystemSpec, lake: Lake, folder: Path | str) -> Path:
    """Write `feature_store.yaml` and `features.py` into `folder`; return it.

    Both stores of the repository, the SQLite registry and the SQLite online store, lie in `folder/data`.

    Raises:
        SpecError: an entity column has a type that Feast cannot look up.
    """
    path = Path(folder).resolve()
    tiles = Home.from_environment().tiles_of(path)
    (path / "data").mkdir(parents=True, exist_ok=True)
    (path / "features.py").write_text(_definitions(system, lake), "utf-8")
    store = _STORE.format(
        project=system.name,
        registry=json.dumps(f"sqlite:///{path / 'data' / 'registry.db'}"),
        online=json.dumps(str(path / "data" / "online.db")),
        store=_TILE_STORE if streams(system) else "ai_patterns.feast.SqliteOnlineStore",
        tiles=_TILES.format(tiles=json.dumps(tiles), system=json.dumps(str(system.folder))) if streams(system) else "",
    )
    (path / "feature_store.yaml").write_text(store, "utf-8")
    return path


def _definitions(system: SystemSpec, lake: Lake) -> str:
    uri = lake.uri if "://" in lake.uri else str(Path(lake.uri).resolve())
    header = _HEADER.format(project=system.name, lake=json.dumps(f"{uri.rstrip('/')}/{lake.system}"))
    entities = "".join(_entity(name, column.type) for name, column in key_columns(system).items())
    views = "".join(_view(system, view) for view in view_names(system))
    return f"{header}\n{entities}{views}\n{_service(system)}"


def _entity(name: str, kind: ColumnType) -> str:
    value_type = f"ValueType.{_KEY_TYPES[kind]}"
    return f'{name}_entity = Entity(name="{name}", join_keys=["{name}"], value_type={value_type})\n'


def _view(system: SystemSpec, view: str) -> str:
    keys = system.key_of(view)
    columns = {key: system.decision_stream.columns[key].type for key in keys} | feature_types(system, view)
    fields = "".join(f'        Field(name="{name}", dtype={_FEAST_TYPES[kind]}),\n' for name, kind in columns.items())
    entities = ", ".join(f"{key}_entity" for key in keys)
    return (
        f"\n{view}_view = FeatureView(\n"
        f'    name="{view}",\n'
        f"    entities=[{entities}],\n"
        f"    ttl=timedelta(0),\n"
        f"    schema=[\n{fields}    ],\n"
        f'    source=table("{view_table(system, view)}"),\n'
        f")\n"
    )


def _service(system: SystemSpec) -> str:
    views = "".join(f"        {view}_view,\n" for view in view_names(system))
    return f'model_service = FeatureService(\n    name="{service_name(system)}",\n    features=[\n{views}    ],\n)\n'
