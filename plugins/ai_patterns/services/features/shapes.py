"""What a feature service takes and gives, as Tecton describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feast.value_type import ValueType

from ai_patterns.services.features.catalog import Catalog
from ai_patterns.services.features.named_sets import NamedSet
from ai_patterns.services.features.plan import projected_name
from ai_patterns.spec.streams import ColumnType

DataType = Mapping[str, Any]

_NAMES = {
    "INT32": "int64",
    "INT64": "int64",
    "UNIX_TIMESTAMP": "int64",
    "FLOAT": "float32",
    "DOUBLE": "float64",
    "STRING": "string",
    "BOOL": "boolean",
}
_SPEC_NAMES: dict[ColumnType, str] = {
    "integer": "int64",
    "timestamp": "int64",
    "double": "float64",
    "string": "string",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Feature:
    """One feature of a service.

    Attributes:
        name: as Tecton has it, `view.feature`.
        column: its column in the answer.
        kind: Tecton's data type.
    """

    name: str
    column: str
    kind: DataType
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """A feature service.

    Attributes:
        features: in the order of the answer.
        join_keys: name -> type.
        context: what else a request brings: name -> type.
    """

    features: tuple[Feature, ...]
    join_keys: Mapping[str, DataType]
    context: Mapping[str, DataType]


def shape_of_set(chosen: NamedSet) -> Shape:
    """Of a system's named set; instants that a request brings are strings, stored ones microseconds."""
    features = []
    for name in chosen.columns:
        if name in chosen.stored:
            public = name.replace("__", ".", 1)
        else:
            public = f"on_demand.{name}" if name in chosen.system.on_demand else f"request.{name}"
        kind = _given(chosen.kinds[name]) if name in chosen.inputs else {"type": _SPEC_NAMES[chosen.kinds[name]]}
        features.append(Feature(public, name, kind))
    given = {name: _given(chosen.kinds[name]) for name in chosen.inputs}
    keys = {name: kind for name, kind in given.items() if name in chosen.keys}
    return Shape(tuple(features), keys, {name: kind for name, kind in given.items() if name not in chosen.keys})


def shape_of_service(catalog: Catalog, name: str) -> Shape:
    """Of a feature service in the registry.

    Raises:
        FeastError: there is none of this name.
    """
    service = catalog.store.get_feature_service(name, allow_cache=True)
    plan = catalog.plan(name, full_names=True)
    features = tuple(
        Feature(
            f"{projected_name(view)}.{item.name}",
            f"{projected_name(view)}__{item.name}",
            data_type(item.dtype.to_value_type()),
            item.description,
            item.tags,
        )
        for view in service.feature_view_projections
        for item in view.features
    )
    keys = {name: data_type(kind) for name, kind in plan.join_keys.items()}
    return Shape(features, keys, {name: data_type(kind) for name, kind in plan.request_data.items()})


def data_type(kind: ValueType) -> DataType:
    """Tecton's data type for one of Feast's.

    >>> data_type(ValueType.INT64_LIST)
    {'type': 'array', 'elementType': {'type': 'int64'}}
    """
    name = kind.name
    if name.endswith("_LIST"):
        return {"type": "array", "elementType": data_type(ValueType[name.removesuffix("_LIST")])}
    return {"type": _NAMES.get(name, name.lower())}


def _given(kind: ColumnType) -> DataType:
    return {"type": "string" if kind == "timestamp" else _SPEC_NAMES[kind]}
