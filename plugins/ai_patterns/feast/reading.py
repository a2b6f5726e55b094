"""Online reads without Feast's detours: what a request needs is worked out once, and each request is a question.

`RedisRequests` does no input or output itself: it makes the bytes of a question and understands the replies, so that a
thread and an event loop can share it. `open_reader` puts it on a connection.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from feast import FeatureStore, FeatureView
from feast.feature_service import FeatureService
from feast.feature_view import DUMMY_ENTITY_ID
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import _mmh3, compute_versioned_name
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from feast.utils import _get_feature_views_to_use, _get_features, _group_feature_refs
from feast.value_type import ValueType
from redis.exceptions import ConnectionError as RedisConnectionError

from ai_patterns.core.clock import reading_instant
from ai_patterns.feast.keys import key_prefix
from ai_patterns.feast.online_rows import AskedView, OnlineRows, ReadView
from ai_patterns.feast.resp import RespConnection, bulk

_INTEGER_KEYS = {ValueType.INT64: struct.Struct("<2Iq"), ValueType.INT32: struct.Struct("<2Ii")}

_AT_A_TIME = 25
"""Entity rows that are asked for together."""


@dataclass(frozen=True)
class _Hash:
    """The views that lie in one hash, since they have the same join keys."""

    keys: tuple[str, ...]
    kinds: tuple[ValueType, ...]
    columns: tuple[str, ...]
    prefix: bytes
    views: tuple[AskedView, ...]
    question: bytes
    size: int


class RedisRequests:
    """Questions to Redis for the features of a service, and what the replies mean.

    Args:
        store: the open repository.
        features: `view:feature` references, or a feature service. On-demand features are not among them.
        full_feature_names: whether a feature is named `view__feature`.
    """

    def __init__(
        self, store: FeatureStore, features: list[str] | FeatureService, *, full_feature_names: bool = False
    ) -> None:
        references = _get_features(store.registry, store.project, features, allow_cache=True)
        views, on_demand = _get_feature_views_to_use(store.registry, store.project, features, hide_dummy_entity=False)
        grouped: Sequence[tuple[Any, list[str]]] = _group_feature_refs(references, views, on_demand)[0]
        self._project, self._version = store.project.encode(), store.config.entity_key_serialization_version
        alike: dict[tuple[tuple[str, str], ...], list[tuple[FeatureView, list[str]]]] = {}
        for view, names in grouped:
            alike.setdefault(_columns_of(view), []).append((view, names))
        self._hashes = [_hash(store, columns, views, full_feature_names) for columns, views in alike.items()]

    def questions(self, rows: Mapping[str, Sequence[Any]]) -> tuple[Iterator[bytes], int]:
        """The commands, some at a time so that Redis begins before the last is made, and how many replies they have.

        Args:
            rows: join key -> its values, one for each entity row.

        Raises:
            KeyError: a join key is absent.
        """
        count = len(next(iter(rows.values())))
        asked = [(item, self._entities(item, rows, count)) for item in self._hashes]
        commands = (self._commands(item, part) for item, entities in asked for part in _batched(entities))
        return commands, count * len(self._hashes)

    def answer(self, replies: Sequence[Sequence[bytes | None]]) -> OnlineRows:
        """What the replies say, in the order of the entity rows."""
        now, read = reading_instant(), []
        count = len(replies) // len(self._hashes)
        for place, item in enumerate(self._hashes):
            columns = list(zip(*replies[place * count : (place + 1) * count], strict=True))
            for view in item.views:
                read.append(ReadView(view, columns[: len(view.features) + 1], now))
                del columns[: len(view.features) + 1]
        return OnlineRows({name: values for item in read for name, values in item.values().items()}, read)

    def _commands(self, item: _Hash, entities: Sequence[bytes]) -> bytes:
        """An `HMGET` an entity row; keys of one length, as numbers have, stand between the same bytes."""
        head, after = b"*%d\r\n$5\r\nHMGET\r\n$" % (item.size + 2), self._project + b"\r\n" + item.question
        constant = len(item.prefix) + len(self._project)
        sizes = set(map(len, entities))
        if len(sizes) == 1:
            before = b"%b%d\r\n%b" % (head, constant + sizes.pop(), item.prefix)
            return before + (after + before).join(entities) + after
        return b"".join([b"%b%d\r\n%b%b%b" % (head, constant + len(e), item.prefix, e, after) for e in entities])

    def _entities(self, item: _Hash, rows: Mapping[str, Sequence[Any]], count: int) -> Sequence[bytes]:
        """What of its key is an entity's own."""
        if not item.keys:
            dummy = EntityKey(join_keys=[DUMMY_ENTITY_ID], entity_values=[Value(string_val="")])
            return [serialize_entity_key(dummy, self._version)] * count
        columns = [_key_parts(rows[column], kind) for column, kind in zip(item.columns, item.kinds, strict=True)]
        return columns[0] if len(columns) == 1 else [b"".join(parts) for parts in zip(*columns, strict=True)]


class OnlineReader:
    """Reads features from a Redis store; a connection a thread.

    Args:
        store: the open repository, whose online store is `ai_patterns.feast.RedisOnlineStore` or Feast's own.
        requests: the questions.
    """

    def __init__(self, store: FeatureStore, requests: RedisRequests) -> None:
        self._store, self._requests, self._local = store, requests, threading.local()

    def read(self, rows: Mapping[str, Sequence[Any]]) -> OnlineRows:
        """Features of entity rows (join key -> values).

        Raises:
            KeyError: a join key is absent.
            redis.exceptions.ConnectionError: Redis is away.
        """
        try:
            replies = self._connection().ask(*self._requests.questions(rows))
        except RedisConnectionError:  # Redis closes what was idle for long: once more, on a new one
            del self._local.connection
            replies = self._connection().ask(*self._requests.questions(rows))
        return self._requests.answer(replies)

    def _connection(self) -> RespConnection:
        if not hasattr(self._local, "connection"):
            online: Any = self._store._get_provider().online_store
            self._local.connection = RespConnection(online._get_client(self._store.config.online_store))
        connection: RespConnection = self._local.connection
        return connection


def open_reader(
    store: FeatureStore, features: list[str] | FeatureService, *, full_feature_names: bool = False
) -> OnlineReader:
    """A reader of features (`view:feature`, or a service) from the repository's Redis; the registry is read once."""
    return OnlineReader(store, RedisRequests(store, features, full_feature_names=full_feature_names))


def _batched(entities: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (entities[start : start + _AT_A_TIME] for start in range(0, len(entities), _AT_A_TIME))


def _columns_of(view: FeatureView) -> tuple[tuple[str, str], ...]:
    """The view's join keys and the columns of a request that hold them."""
    renamed = view.projection.join_key_map
    return tuple(sorted((key, renamed.get(key, key)) for key in view.join_keys if key != DUMMY_ENTITY_ID))


def _hash(
    store: FeatureStore, columns: tuple[tuple[str, str], ...], views: list[tuple[FeatureView, list[str]]], full: bool
) -> _Hash:
    found, fields = [], []
    for view, names in views:
        projection: Any = view.projection
        shown = str(projection.name_to_use())
        name = compute_versioned_name(view, store.config.registry.enable_online_feature_view_versioning)
        out = [f"{shown}__{item}" if full else item for item in names]
        found.append(AskedView(shown, f"_ts:{name}".encode(), tuple(out), view.ttl or None))
        fields += [f"_ts:{name}".encode(), *(_mmh3(f"{name}:{item}") for item in names)]
    kinds = {column.name: column.dtype.to_value_type() for column in views[0][0].entity_columns}
    keys = tuple(key for key, _ in columns)
    return _Hash(
        keys=keys,
        kinds=tuple(kinds[key] for key in keys),
        columns=tuple(column for _, column in columns),
        prefix=key_prefix(list(keys)) if keys else b"",
        views=tuple(found),
        question=b"".join(part for item in fields for part in bulk(item)),
        size=len(fields),
    )


def _key_parts(values: Sequence[Any], kind: ValueType) -> list[bytes]:
    layout = _INTEGER_KEYS.get(kind)
    if layout is not None:
        return list(map(partial(layout.pack, kind.value, layout.size - 8), map(int, values)))
    protos = python_values_to_proto_values(list(values), kind)
    encoded = [proto.string_val.encode() if kind is ValueType.STRING else proto.bytes_val for proto in protos]
    return [struct.pack("<2I", kind.value, len(data)) + data for data in encoded]
