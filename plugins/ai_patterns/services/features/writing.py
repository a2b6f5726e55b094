"""Pushes and writes into the online store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from feast import FeatureStore, FeatureView, OnDemandFeatureView
from feast.data_source import PushMode, PushSource
from feast.errors import FeastError, PushSourceNotFoundException
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.feature_view_utils import get_feature_view_from_feature_store
from feast.infra.online_stores.sqlite import SqliteOnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from feast.value_type import ValueType

from ai_patterns.clients.feast import CONN_ID
from ai_patterns.core.clock import to_microseconds
from ai_patterns.errors import AIPatternsError, ServiceUnavailableError
from ai_patterns.services.edge.errors import RequestError

Columns = Mapping[str, list[Any]]


class Push(msgspec.Struct):
    """The body of `/push`."""

    push_source_name: str
    df: dict[str, list[Any]]
    allow_registry_cache: bool = True
    to: str = "online"
    transform_on_write: bool = True


class Write(msgspec.Struct):
    """The body of `/write-to-online-store`."""

    feature_view_name: str
    df: dict[str, list[Any]]
    allow_registry_cache: bool = True
    transform_on_write: bool = True


class Writer:
    """Writes rows as Feast would, through the store's own `online_write_batch`.

    What has rules of its own (on-demand views that transform what is written, the offline store) goes through Feast's
    `push` and `write_to_online_store`.

    Args:
        store: the open repository.
    """

    def __init__(self, store: FeatureStore) -> None:
        self._store = store
        # Feast's SQLite store has one connection, whose transactions would run into each other.
        embedded = isinstance(store._get_provider().online_store, SqliteOnlineStore)
        self.threads = ThreadPoolExecutor(1 if embedded else 8, "feature-writer")
        self.rows: dict[str, int] = {}
        self.newest: dict[str, int] = {}

    def push(self, request: Push) -> None:
        """Write to every view that the push source feeds.

        Raises:
            FeastError: the registry does not know the source.
            RequestError: the rows do not fit the view.
            ServiceUnavailableError: the store cannot be written.
        """
        try:
            mode = PushMode[request.to.upper()]
        except KeyError:
            names = [item.name.lower() for item in PushMode]
            raise RequestError(f"`to` is one of {', '.join(names)}, not {request.to!r}") from None
        views = self._fed_by(request)
        with _complaints():
            if mode is not PushMode.ONLINE or self._has_vectors():
                frame = _frame(request.df)
                self._store.push(request.push_source_name, frame, request.allow_registry_cache, mode)
                return
            for view in views:
                self._write(view, request.df)

    def write(self, request: Write) -> None:
        """Write to one view; see `push`."""
        view = get_feature_view_from_feature_store(self._store, request.feature_view_name, request.allow_registry_cache)
        with _complaints():
            if isinstance(view, OnDemandFeatureView) or self._has_vectors():
                self._store.write_to_online_store(
                    view.name, _frame(request.df), transform_on_write=request.transform_on_write
                )
            else:
                self._write(view, request.df)

    def _fed_by(self, request: Push) -> list[FeatureView]:
        cached = request.allow_registry_cache
        views = [*self._store.list_feature_views(cached), *self._store.list_stream_feature_views(cached)]
        fed = [
            view
            for view in views
            if isinstance(view.stream_source, PushSource) and view.stream_source.name == request.push_source_name
        ]
        if not fed:
            raise PushSourceNotFoundException(request.push_source_name)
        return fed

    def _has_vectors(self) -> bool:
        """Whether Feast computes whole vectors of a service ahead, which a push must renew."""
        services = self._store.list_feature_services()
        return any(getattr(service, "precompute_online", False) for service in services)

    def _write(self, view: FeatureView, columns: Columns) -> None:
        rows = feast_rows(view, columns)
        if not rows:
            return
        self._store._get_provider().online_write_batch(self._store.config, view, rows, None)
        newest = max(to_microseconds(time) for _, _, time, _ in rows)
        self.rows[view.name] = self.rows.get(view.name, 0) + len(rows)
        self.newest[view.name] = max(newest, self.newest.get(view.name, newest))


class _complaints:  # noqa: N801  reads as a statement
    """Turns what a conversion or a store raises into this package's errors."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, FeastError | AIPatternsError):
            return
        if isinstance(error, TypeError | ValueError | KeyError):
            raise RequestError(f"df: {error}") from error
        if isinstance(error, Exception):
            raise ServiceUnavailableError(f"the store cannot be written: {error}.", conn_id=CONN_ID) from error


def feast_rows(view: FeatureView, columns: Columns) -> list[Any]:
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


def _frame(columns: Columns) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)
