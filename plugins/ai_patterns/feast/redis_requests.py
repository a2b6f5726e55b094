"""Questions to Redis for features: what a request needs is worked out once, and each request is a few bytes more.

Nothing here does input or output, so that a thread and an event loop can share it.
"""

from __future__ import annotations

import struct
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

from ai_patterns.core.clock import reading_instant
from ai_patterns.feast.keys import key_prefix
from ai_patterns.feast.online_rows import AskedView, OnlineRows, ReadView
from ai_patterns.feast.resp import bulk

_INTEGER_KEYS = {ValueType.INT64: struct.Struct("<2Iq"), ValueType.INT32: struct.Struct("<2Ii")}

_AT_A_TIME = 25
"""Entity rows that are asked for together."""


@dataclass(frozen=True)
class AskedHash:
    """The views that lie in one hash, since they have the same join keys.

    Attributes:
        prefix: what the key of each entity begins with.
    """

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
        self.hashes = [_hash(store, columns, views, full_feature_names) for columns, views in alike.items()]

    def questions(self, rows: Mapping[str, Sequence[Any]]) -> tuple[Iterator[bytes], int]:
        """The commands for entity rows (join key -> values), and how many replies they have.

        Raises:
            KeyError: a join key is absent.
        """
        return self.commands(self.entities(rows))

    def entities(self, rows: Mapping[str, Sequence[Any]]) -> list[Sequence[bytes]]:
        """For each hash, what of its key is each entity's own.

        Raises:
            KeyError: a join key is absent.
        """
        count = len(next(iter(rows.values())))
        return [self._entities(item, rows, count) for item in self.hashes]

    def commands(self, entities: Sequence[Sequence[bytes]]) -> tuple[Iterator[bytes], int]:
        """Commands, some at a time so that Redis begins before the last is made, and how many replies they have."""
        asked = zip(self.hashes, entities, strict=True)
        made = (self._commands(item, part) for item, all_of in asked for part in _batched(all_of))
        return made, sum(map(len, entities))

    def entity_of(self, item: AskedHash, key: bytes) -> bytes:
        """What of a key in Redis is the entity's own; of another hash's key, anything."""
        return key[len(item.prefix) : len(key) - len(self._project)]

    def answer(self, replies: Sequence[Sequence[bytes | None]]) -> OnlineRows:
        """What the replies say, in the order of the entity rows."""
        now, read = reading_instant(), []
        count = len(replies) // len(self.hashes)
        for place, item in enumerate(self.hashes):
            columns = list(zip(*replies[place * count : (place + 1) * count], strict=True))
            for view in item.views:
                read.append(ReadView(view, columns[: len(view.features) + 1], now))
                del columns[: len(view.features) + 1]
        return OnlineRows({name: values for item in read for name, values in item.values().items()}, read)

    def _commands(self, item: AskedHash, entities: Sequence[bytes]) -> bytes:
        """An `HMGET` an entity row; keys of one length, as numbers have, stand between the same bytes."""
        head, after = b"*%d\r\n$5\r\nHMGET\r\n$" % (item.size + 2), self._project + b"\r\n" + item.question
        constant = len(item.prefix) + len(self._project)
        sizes = set(map(len, entities))
        if len(sizes) == 1:
            before = b"%b%d\r\n%b" % (head, constant + sizes.pop(), item.prefix)
            return before + (after + before).join(entities) + after
        return b"".join([b"%b%d\r\n%b%b%b" % (head, constant + len(e), item.prefix, e, after) for e in entities])

    def _entities(self, item: AskedHash, rows: Mapping[str, Sequence[Any]], count: int) -> Sequence[bytes]:
        """What of its key is an entity's own."""
        if not item.keys:
            dummy = EntityKey(join_keys=[DUMMY_ENTITY_ID], entity_values=[Value(string_val="")])
            return [serialize_entity_key(dummy, self._version)] * count
        columns = [_key_parts(rows[column], kind) for column, kind in zip(item.columns, item.kinds, strict=True)]
        return columns[0] if len(columns) == 1 else [b"".join(parts) for parts in zip(*columns, strict=True)]


def _batched(entities: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (entities[start : start + _AT_A_TIME] for start in range(0, len(entities), _AT_A_TIME))


def _columns_of(view: FeatureView) -> tuple[tuple[str, str], ...]:
    """The view's join keys and the columns of a request that hold them."""
    renamed = view.projection.join_key_map
    return tuple(sorted((key, renamed.get(key, key)) for key in view.join_keys if key != DUMMY_ENTITY_ID))


def _hash(
    store: FeatureStore, columns: tuple[tuple[str, str], ...], views: list[tuple[FeatureView, list[str]]], full: bool
) -> AskedHash:
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
    return AskedHash(
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
