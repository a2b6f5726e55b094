"""Feast's Redis online store, written column by column and read honestly.

A hash an entity, as Feast has it: its key is the serialized entity key and the project's name; a field a feature, named
by murmur3 of `view:feature`, holds the serialized `Value`; `_ts:view` holds the event time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from feast import FeatureView, RepoConfig
from feast.infra.online_stores.helpers import _mmh3, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore as FeastRedisOnlineStore
from feast.infra.online_stores.redis import RedisOnlineStoreConfig as FeastRedisOnlineStoreConfig
from feast.infra.online_stores.redis import RedisType
from feast.protos.feast.types.Value_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # no stubs in the lock
from redis import Redis

from ai_patterns.feast.answers import HonestAnswers
from ai_patterns.feast.resp import RespConnection, bulk, commands, contents, joined_parts
from ai_patterns.feast.rows import FeastRow, Rows, rows_of_protos, rows_of_table
from ai_patterns.feast.values import timestamp_bytes
from ai_patterns.feast.writing import Written, ahead, batches, feast_rows

CHUNK = 250
"""Entities that are written in one transaction: Redis serves nobody else meanwhile."""

CONNECTIONS = 2
"""Redis works on the chunk of one while the other one's is made ready: it is what a large write waits for."""

_TYPE: Literal["ai_patterns.feast.RedisOnlineStore"] = "ai_patterns.feast.RedisOnlineStore"


class RedisOnlineStoreConfig(FeastRedisOnlineStoreConfig):
    """Feast's settings. `skip_dedup` skips the question whether the store holds a newer event."""

    type: Literal["ai_patterns.feast.RedisOnlineStore"] = _TYPE  # type: ignore[assignment]  # Feast's own is "redis"


class RedisOnlineStore(HonestAnswers, FeastRedisOnlineStore):
    """Feast's Redis store: the same hashes, byte for byte.

    An event replaces what the store holds unless that is newer, whoever else writes at the same time: each chunk of
    entities is watched from the question to the transaction's end; when somebody came between, its halves are.

    A Redis cluster is written as Feast writes it: its transactions end at a slot.
    """

    def online_write_arrow(
        self, config: RepoConfig, table: FeatureView, rows: pa.Table | pa.RecordBatchReader, *, keep_newer: bool = True
    ) -> Written:
        """See `ai_patterns.feast.writing.ArrowOnlineStore`."""
        total = Written()
        if self._is_cluster(config):
            for batch in batches(rows):
                self.online_write_batch(config, table, feast_rows(table, batch), None)
                total += Written(batch.num_rows)
            return total
        for encoded in ahead(_Batch(config, table, rows_of_table(table, batch), keep_newer) for batch in batches(rows)):
            total += self._write(config, encoded)
        return total

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: list[FeastRow], progress: Callable[[int], Any] | None
    ) -> None:
        """What Feast calls for a push, or from an engine of its own."""
        if self._is_cluster(config):
            super().online_write_batch(config, table, data, progress)
            return
        keep_newer = not config.online_store.skip_dedup
        for rows in rows_of_protos(data, config.entity_key_serialization_version):
            self._write(config, _Batch(config, table, rows, keep_newer))
        if progress:
            progress(len(data))

    async def online_write_batch_async(
        self, config: RepoConfig, table: FeatureView, data: list[FeastRow], progress: Callable[[int], Any] | None
    ) -> None:
        """The same beside the event loop."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    def _is_cluster(self, config: RepoConfig) -> bool:
        return bool(config.online_store.redis_type == RedisType.redis_cluster)

    def _write(self, config: RepoConfig, batch: _Batch) -> Written:
        client = self._get_client(config.online_store)
        spans = [(start, min(start + CHUNK, len(batch))) for start in range(0, len(batch), CHUNK)]
        shares = [spans[place::CONNECTIONS] for place in range(min(CONNECTIONS, len(spans)))]
        if len(shares) < CONNECTIONS:
            written = sum(batch.write_all(client, share) for share in shares)
        else:
            with ThreadPoolExecutor(CONNECTIONS) as threads:
                written = sum(threads.map(partial(batch.write_all, client), shares))
        return Written(written, len(batch) - written)

    def _get_features_for_entity(
        self, values: Any, feature_view: str, requested_features: list[str]
    ) -> tuple[datetime | None, dict[str, Value] | None]:
        if values[requested_features.index(f"_ts:{feature_view}")] is None:
            return None, None
        time, row = super()._get_features_for_entity(values, feature_view, requested_features)
        return time, row


class _Batch:
    """The commands of a batch of rows."""

    def __init__(self, config: RepoConfig, view: FeatureView, rows: Rows, keep_newer: bool) -> None:
        name = compute_versioned_name(view, config.registry.enable_online_feature_view_versioning)
        keys = joined_parts([rows.keys, config.project.encode()])
        moment = f"_ts:{name}".encode()
        fields = [part for item, column in rows.values.items() for part in (_mmh3(f"{name}:{item}"), column)]
        self._sets = commands(b"HSET", keys, moment, timestamp_bytes(rows.event), *fields)
        seconds = config.online_store.key_ttl_seconds
        if seconds:
            self._sets = joined_parts([self._sets, *command_parts(b"EXPIRE", keys, str(seconds).encode())])
        self._each = 2 if seconds else 1
        self._event, self._keep_newer = rows.event, keep_newer
        if keep_newer:
            self._gets, self._keys = commands(b"HGET", keys, moment), joined_parts(bulk(keys))

    def __len__(self) -> int:
        return len(self._event)

    def write_all(self, client: Redis, spans: Sequence[tuple[int, int]]) -> int:
        """Write the rows of all spans over a connection of their own."""
        connection = RespConnection(client)
        try:
            return sum(self.write(connection, *span) for span in spans)
        finally:
            connection.release()

    def write(self, connection: RespConnection, start: int, end: int) -> int:
        """Write some rows; return how many were not older than what Redis held."""
        if not self._keep_newer:
            connection.ask([contents(self._sets, start, end)], (end - start) * self._each)
            return end - start
        keys, words = contents(self._keys, start, end), end - start + 1
        watch, exists = b"*%d\r\n$5\r\nWATCH\r\n" % words, b"*%d\r\n$6\r\nEXISTS\r\n" % words
        _, known = connection.ask([watch, keys, exists, keys], 2)
        fresh = np.arange(end - start)
        if known:  # a first fill, which waits for Redis alone, is spared a question an entity
            held = connection.ask([contents(self._gets, start, end)], end - start)
            fresh = np.flatnonzero(_microseconds(held) <= self._event[start:end])
        if self._send(connection, start, end, fresh):
            return len(fresh)
        middle = (start + end + 1) // 2
        return sum(self.write(connection, *span) for span in ((start, middle), (middle, end)) if span[0] < span[1])

    def _send(self, connection: RespConnection, start: int, end: int, fresh: np.ndarray[Any, Any]) -> bool:
        """Whether the transaction went through, and nobody had touched one of its entities meanwhile."""
        if len(fresh) == end - start:
            body = contents(self._sets, start, end)
        else:
            chosen = self._sets.take(pa.array(fresh + start))
            body = contents(chosen, 0, len(chosen))
        *_, done = connection.ask(
            [b"*1\r\n$5\r\nMULTI\r\n", body, b"*1\r\n$4\r\nEXEC\r\n"], len(fresh) * self._each + 2
        )
        return done is not None


def command_parts(*arguments: bytes | pa.Array) -> list[bytes | pa.Array]:
    """A command's parts, to be put behind others."""
    return [b"*%d\r\n" % len(arguments), *(part for item in arguments for part in bulk(item))]


def _microseconds(held: list[bytes | None]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Event times as Redis holds them; the least integer where it holds none."""
    found = np.full(len(held), np.iinfo(np.int64).min)
    for row, data in enumerate(held):
        if data is not None:
            found[row] = Timestamp.FromString(data).ToMicroseconds()
    return found
