"""Rows of a request as Feast's online stores take them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from feast import FeatureView
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from feast.value_type import ValueType

from ai_patterns.services.edge.errors import RequestError

Columns = Mapping[str, list[Any]]

FeastRow = tuple[EntityKey, dict[str, Value], dt.datetime, dt.datetime | None]
"""Key, values, event time and created time."""


def feast_rows(view: FeatureView, columns: Columns) -> list[FeastRow]:
    """Rows as `online_write_batch` takes them.

    Args:
        view: the feature view.
        columns: columns of one length, named as in the view's source.

    Raises:
        RequestError: a column is absent, lengths differ, a key is null or an instant cannot be read.
    """
    source: Any = view.batch_source
    mapping = source.field_mapping or {}
    given = {mapping.get(name, name): values for name, values in columns.items()}
    entities = [column for column in view.entity_columns if column.name != DUMMY_ENTITY_ID]
    kinds = {column.name: column.dtype.to_value_type() for column in [*entities, *view.features]}
    _require(view, [*kinds, source.timestamp_field], given)
    names = [column.name for column in entities]
    _require_known(names, given)
    protos = {name: _protos(name, given[name], kind) for name, kind in kinds.items()}
    keys = _keys(names, protos, len(given[source.timestamp_field]))
    features = [feature.name for feature in view.features]
    values = zip(*(protos[name] for name in features), strict=True)
    times = [_instant(source.timestamp_field, value) for value in given[source.timestamp_field]]
    created = [
        None if value is None else _instant(source.created_timestamp_column, value)
        for value in given.get(source.created_timestamp_column) or [None] * len(times)
    ]
    return [
        (key, dict(zip(features, row, strict=True)), time, made)
        for key, row, time, made in zip(keys, values, times, created, strict=True)
    ]


def _protos(name: str, values: list[Any], kind: ValueType) -> list[Value]:
    try:
        return python_values_to_proto_values(values, kind)
    except Exception as error:  # Feast's conversions raise whatever their libraries do, assertions among them
        raise RequestError(f"df.{name} cannot be read as {kind.name}: {error}") from error


def _keys(names: Sequence[str], protos: Mapping[str, list[Value]], rows: int) -> list[EntityKey]:
    if not names:  # the key by which Feast reads a view without entity, though its own server writes another
        alone = EntityKey(join_keys=[DUMMY_ENTITY_ID], entity_values=[Value(string_val=DUMMY_ENTITY_VAL)])
        return [alone] * rows
    values = zip(*(protos[name] for name in names), strict=True)
    return [EntityKey(join_keys=names, entity_values=row) for row in values]


def _require(view: FeatureView, names: Iterable[str], given: Columns) -> None:
    absent = [name for name in names if name not in given]
    if absent:
        raise RequestError(f"df lacks {', '.join(absent)}, which {view.name!r} needs")
    lengths = {name: len(values) for name, values in given.items()}
    if len(set(lengths.values())) > 1:
        raise RequestError(f"df's columns must have one length, not {lengths}")


def _require_known(names: Sequence[str], given: Columns) -> None:
    for name in names:
        if None in given[name]:
            raise RequestError(f"df.{name}[{given[name].index(None)}] is null; a join key must not be")


def _instant(name: str, value: Any) -> dt.datetime:
    """An ISO 8601 instant; without an offset it is UTC, as Feast takes it."""
    try:
        instant = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise RequestError(f"df.{name}: {value!r} is no instant such as 2026-01-01T12:00:00Z") from None
    return instant.astimezone(dt.UTC) if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
