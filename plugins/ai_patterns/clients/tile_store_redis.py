"""Tiles in Redis: for several machines. It must keep every key (no eviction) and log its writes (append-only file).

A transaction is optimistic: it watches one version, reads, keeps its writes back, and brings them in at once with a
new version; if another writer came first, it runs again.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import RedisError, WatchError

from ai_patterns.clients.tile_notes import CONN_ID, require_same
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_transaction import Reader, Transaction
from ai_patterns.clients.tile_transaction_redis import Keys, RedisReader, RedisTransaction, put_rows
from ai_patterns.errors import AIPatternsError, ServiceUnavailableError
from ai_patterns.spec.system import SystemSpec

_ATTEMPTS = 100
_PAUSE_SECONDS = 0.02
_TIMEOUT_SECONDS = 30.0
_ROWS, _ENTITIES = 10_000, 500
_Item = TypeVar("_Item")


class RedisTileStore(TileStore):
    """Tiles in Redis 6.2 or later.

    Args:
        system: the system.
        url: `redis://host:port/0`.
        prefix: what the names of its keys begin with; by default the system's name.
    """

    def __init__(self, system: SystemSpec, url: str, prefix: str | None = None) -> None:
        super().__init__(system)
        # Any: the library's types speak of its asynchronous client too.
        self._client: Any = Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        self._keys = Keys(prefix or f"ai-patterns:{system.name}")
        with self._told():
            self._incarnation = self._founded()

    def transact(self, work: Callable[[Transaction], Any]) -> Any:
        """Run `work`; what it writes comes in at once, if no other writer came between."""

        def attempt() -> Any:
            with self._client.pipeline() as pipe:
                pipe.watch(self._keys.version)
                version, notes = self._moment()
                transaction = RedisTransaction(self._client, self._keys, notes)
                result = self._unmoved(lambda: work(transaction), version)
                pipe.multi()
                transaction.write(pipe)
                pipe.incr(self._keys.version)
                pipe.execute()
                return result

        return self._repeated(attempt)

    def snapshot(self, work: Callable[[Reader], Any]) -> Any:
        """Run `work`, again if a writer came between."""

        def attempt() -> Any:
            version, notes = self._moment()
            result = self._unmoved(lambda: work(RedisReader(self._client, self._keys, notes)), version)
            if self._client.get(self._keys.version) != version:
                raise WatchError
            return result

        return self._repeated(attempt)

    def load(self, space: str, rows: Iterable[tuple[bytes, str, bytes]]) -> None:
        """Write rows, some thousands at a time."""
        with self._told():
            for some in _chunks(rows, _ROWS):
                with self._client.pipeline(transaction=False) as pipe:
                    put_rows(pipe, self._keys, space, some)
                    pipe.execute()

    def drop(self, space: str, keep: Callable[[str], bool]) -> int:
        """Delete rows, some hundred entities at a time."""
        with self._told():
            found = self._client.smembers(self._keys.entities(space))
        chunks = _chunks(found, _ENTITIES)
        return sum(self._repeated(partial(self._drop, space, some, keep)) for some in chunks)

    def _drop(self, space: str, entities: Sequence[bytes], keep: Callable[[str], bool]) -> int:
        keys = [self._keys.rows(space, entity) for entity in entities]
        with self._client.pipeline() as pipe, self._client.pipeline(transaction=False) as reads:
            pipe.watch(*keys)
            for key in keys:
                reads.hkeys(key)
            found = reads.execute()
            gone = [[name for name in names if not keep(name.decode())] for names in found]
            pipe.multi()
            for key, entity, held, names in zip(keys, entities, found, gone, strict=True):
                if names:
                    pipe.hdel(key, *names)
                if len(names) == len(held):
                    pipe.srem(self._keys.entities(space), entity)
            pipe.execute()
        return sum(len(names) for names in gone)

    def _founded(self) -> str:
        """What tells this store from one that takes its place."""
        self._client.hsetnx(self._keys.notes, "incarnation", uuid.uuid4().hex)
        held: bytes = self._client.hget(self._keys.notes, "incarnation")
        return held.decode()

    def _moment(self) -> tuple[bytes | None, dict[str, str]]:
        """The version, and the notes that belong to it."""
        with self._client.pipeline() as pipe:
            version, held = pipe.get(self._keys.version).hgetall(self._keys.notes).execute()
        notes = {name.decode(): text.decode() for name, text in held.items()}
        require_same(self._name, self._incarnation, notes)
        return version, notes

    def _unmoved(self, work: Callable[[], Any], version: bytes | None) -> Any:
        """What `work` gives; a refusal counts only if all that it read was of one moment."""
        try:
            return work()
        except AIPatternsError:
            if self._client.get(self._keys.version) != version:
                raise WatchError from None
            raise

    def _repeated(self, attempt: Callable[[], Any]) -> Any:
        with self._told():
            for number in range(_ATTEMPTS):
                with contextlib.suppress(WatchError):
                    return attempt()
                time.sleep(random.uniform(0, _PAUSE_SECONDS * min(number, 10)))  # noqa: S311
        raise ServiceUnavailableError(
            f"other writers of the tiles in {self._name} came between {_ATTEMPTS} times; start fewer workers, or fold "
            "larger batches",
            conn_id=CONN_ID,
        )

    @property
    def _name(self) -> str:
        held = self._client.connection_pool.connection_kwargs
        return f"Redis at {held.get('host')}:{held.get('port', 6379)}/{held.get('db', 0)}"

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            raise ServiceUnavailableError(
                f"the tiles in {self._name} cannot be read or written: {error}. Start Redis (`ai-patterns up redis`), "
                "and run it again from the store's offsets",
                conn_id=CONN_ID,
            ) from error


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
