"""Reads the hashes that Feast's Redis store writes, without its client between.

An entity's hash has a field a feature, named by murmur3 of `view:feature`, with the serialized `Value`, and the view's
event time in `_ts:view`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from feast import FeatureStore
from feast.feature_server_utils import _value_to_native
from feast.infra.online_stores.helpers import _mmh3, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig, RedisType
from feast.protos.feast.types.Value_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # no stubs in the lock

from ai_patterns.services.features.answers import Row, time_text
from ai_patterns.services.features.kept_rows import KeptRows
from ai_patterns.services.features.plan import ViewRead
from ai_patterns.services.features.redis_link import RedisLink, RedisPlace
from ai_patterns.services.features.stores import Ask, unavailable

_DOUBLE, _STRING = 0x29, 0x12
"""First bytes of a `Value` that holds a double, or a string: field and wire type."""

_unpack_double = struct.Struct("<xd").unpack
_OPTIONS = {"db", "username", "password", "ssl"}


def redis_place(store: FeatureStore) -> RedisPlace | None:
    """Where the repository's online store is, if it is one Redis reached by plain options."""
    config = store.config.online_store
    if not isinstance(config, RedisOnlineStoreConfig) or config.redis_type != RedisType.redis:
        return None
    nodes, options = RedisOnlineStore._parse_connection_string(config.connection_string)
    if len(nodes) != 1 or not options.keys() <= _OPTIONS or getattr(config, "use_glide", False):
        return None
    login = {name: str(options[name]) for name in ("username", "password") if name in options}
    return RedisPlace(
        nodes[0]["host"], int(nodes[0]["port"]), int(options.get("db", 0)), ssl=bool(options.get("ssl")), **login
    )


class _Absent(NamedTuple):
    """A row to ask for, by its key in Redis, and where it goes."""

    read: ViewRead
    key: bytes
    rows: list[Row | None]
    place: int


class RedisReader:
    """See `ai_patterns.services.features.stores.Reader`.

    Args:
        store: the open repository.
        link: to its Redis; where it tells what changes, rows are kept.
        kept: entities of which they are.
    """

    def __init__(self, store: FeatureStore, link: RedisLink, kept: int) -> None:
        self._link, self._project = link, store.project.encode()
        self._versions = store.config.registry.enable_online_feature_view_versioning
        self._commands: dict[ViewRead, tuple[bytes, bytes]] = {}
        self._kept = KeptRows(kept)
        link.changed = self._kept.forget

    async def read(self, asks: Sequence[Ask]) -> list[list[Row | None]]:
        """See `Reader`; a row that Redis has not called changed is not asked for again."""
        if not any(ask.keys for ask in asks):
            return [[] for _ in asks]
        try:
            await self._link.catch_up()
            found: list[list[Row | None]] = [[None] * len(ask.keys) for ask in asks]
            absent = []
            for ask, rows in zip(asks, found, strict=True):
                for place, entity in enumerate(ask.keys):
                    key = entity + self._project
                    held = self._kept.find(key)
                    if ask.read in held:
                        rows[place] = held[ask.read]
                    else:
                        absent.append(_Absent(ask.read, key, rows, place))
            if absent:
                await self._complete(absent)
        except OSError as error:
            raise unavailable(error) from error
        return found

    async def _complete(self, absent: Sequence[_Absent]) -> None:
        def arrived(number: int, reply: Any) -> None:
            read, key, rows, place = absent[number]
            rows[place] = row = _row(reply)
            if self._link.tracks:
                self._kept.keep(key, read, row)

        parts = [part for read, key, _, _ in absent for part in self._command_parts(read, key)]
        await self._link.ask(b"".join(parts), len(absent), arrived)

    async def close(self) -> None:
        """See `Reader`."""
        self._link.close()

    def _command_parts(self, read: ViewRead, key: bytes) -> tuple[bytes, ...]:
        before, after = self._commands.get(read) or self._prepare(read)
        return before, b"%d\r\n" % len(key), key, after

    def _prepare(self, read: ViewRead) -> tuple[bytes, bytes]:
        """What stands before and after the key in the view's HMGET."""
        name = compute_versioned_name(read.view, self._versions)
        fields = [f"_ts:{name}".encode(), *(_mmh3(f"{name}:{feature}") for feature in read.features)]
        before = b"*%d\r\n$5\r\nHMGET\r\n$" % (len(fields) + 2)
        after = b"".join(b"$%d\r\n%s\r\n" % (len(field), field) for field in fields)
        if len(self._commands) > 1000:  # plans come and go with the registry
            self._commands.clear()
        self._commands[read] = before, b"\r\n" + after
        return self._commands[read]


def decode(data: bytes | None) -> Any:
    """A serialized `Value` as JSON has it, by the rules of `feast.feature_server_utils`."""
    if not data:
        return None
    if data[0] == _DOUBLE and len(data) == 9:
        (number,) = _unpack_double(data)
        if math.isfinite(number):
            return number
    elif data[0] == _STRING and data[1] == len(data) - 2:
        return data[2:].decode()
    return _value_to_native(Value.FromString(data))


@lru_cache(maxsize=65_536)
def _time(data: bytes) -> tuple[int, str]:
    moment = int(Timestamp.FromString(data).ToMicroseconds())
    return moment, time_text(moment)


def _row(reply: Any) -> Row | None:
    if reply[0] is None:
        return None
    moment, text = _time(reply[0])
    return Row(moment, text, [decode(data) for data in reply[1:]])
