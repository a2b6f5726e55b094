"""Tiles in Redis: for several machines. It must keep every key (no eviction) and log its writes (append-only file).

A transaction is optimistic: it watches one version, reads, keeps its writes back, and brings them in at once with a
new version; if another writer came first, it runs again. Keys below the prefix: `version`; `notes`, a hash; `days:S`,
a set of the days of which `seen:S:day` holds identities of stream S; `entities:X`, a set, and `rows:X:entity`, a hash
each, for space X.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from operator import methodcaller
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import RedisError, WatchError

from ai_patterns.clients.tile_notes import CONN_ID, require_same
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_transaction import Place, Reader, Transaction
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
        self._keys = _Keys(prefix or f"ai-patterns:{system.name}")
        with self._told():
            self._incarnation = self._founded()

    def transact(self, work: Callable[[Transaction], Any]) -> Any:
        """Run `work`; what it writes comes in at once, if no other writer came between."""

        def attempt() -> Any:
            with self._client.pipeline() as pipe:
                pipe.watch(self._keys.version)
                version, notes = self._moment()
                transaction = _Transaction(self._client, self._keys, notes)
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
            result = self._unmoved(lambda: work(_Reader(self._client, self._keys, notes)), version)
            if self._client.get(self._keys.version) != version:
                raise WatchError
            return result

        return self._repeated(attempt)

    def load(self, space: str, rows: Iterable[tuple[bytes, str, bytes]]) -> None:
        """Write rows, some thousands at a time."""
        with self._told():
            for some in _chunks(rows, _ROWS):
                with self._client.pipeline(transaction=False) as pipe:
                    _put(pipe, self._keys, space, some)
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


class _Keys:
    """Names of the store's keys."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.version, self.notes = f"{prefix}:version", f"{prefix}:notes"

    def days(self, stream: str) -> str:
        return f"{self._prefix}:days:{stream}"

    def seen(self, stream: str, day: str) -> str:
        return f"{self._prefix}:seen:{stream}:{day}"

    def entities(self, space: str) -> str:
        return f"{self._prefix}:entities:{space}"

    def rows(self, space: str, entity: bytes) -> bytes:
        return f"{self._prefix}:rows:{space}:".encode() + entity


class _Reader:
    """Reads beside the notes of one moment."""

    def __init__(self, client: Any, keys: _Keys, notes: Mapping[str, str]) -> None:
        self._client, self._keys, self._notes = client, keys, dict(notes)

    def notes(self, prefix: str) -> dict[str, str]:
        return {name: text for name, text in self._notes.items() if name.startswith(prefix)}

    def entities(self, space: str) -> list[bytes]:
        return list(self._client.smembers(self._keys.entities(space)))

    def entity_rows(self, space: str, entities: Sequence[bytes]) -> list[dict[str, bytes]]:
        with self._client.pipeline(transaction=False) as pipe:
            for entity in entities:
                pipe.hgetall(self._keys.rows(space, entity))
            return [{name.decode(): held for name, held in found.items()} for found in pipe.execute()]


class _Transaction(_Reader):
    """Reads of what was there before, but for the notes, and writes kept back."""

    def __init__(self, client: Any, keys: _Keys, notes: Mapping[str, str]) -> None:
        super().__init__(client, keys, notes)
        self._writes: list[Callable[[Any], Any]] = []

    def note(self, name: str, text: str) -> None:
        self._notes[name] = text
        self._writes.append(methodcaller("hset", self._keys.notes, name, text))

    def seen(self, stream: str, ids: Sequence[str]) -> frozenset[str]:
        if not ids:
            return frozenset()
        with self._client.pipeline(transaction=False) as pipe:
            for day in self._days(stream):
                pipe.smismember(self._keys.seen(stream, day), list(ids))
            found = pipe.execute()
        return frozenset(name for flags in found if 1 in flags for name, flag in zip(ids, flags, strict=True) if flag)

    def remember(self, stream: str, day: dt.date, ids: Sequence[str]) -> None:
        if ids:
            self._writes.append(methodcaller("sadd", self._keys.days(stream), day.isoformat()))
            self._writes.append(methodcaller("sadd", self._keys.seen(stream, day.isoformat()), *ids))

    def forget(self, stream: str, before: dt.date) -> None:
        for day in self._days(stream):
            if dt.date.fromisoformat(day) < before:
                self._writes.append(methodcaller("unlink", self._keys.seen(stream, day)))
                self._writes.append(methodcaller("srem", self._keys.days(stream), day))

    def rows(self, space: str, places: Sequence[Place]) -> list[bytes | None]:
        names: dict[bytes, list[str]] = defaultdict(list)
        for entity, name in places:
            names[entity].append(name)
        with self._client.pipeline(transaction=False) as pipe:
            for entity, wanted in names.items():
                pipe.hmget(self._keys.rows(space, entity), wanted)
            found = {entity: iter(held) for entity, held in zip(names, pipe.execute(), strict=True)}
        return [next(found[entity]) for entity, _ in places]

    def put(self, space: str, rows: Sequence[tuple[bytes, str, bytes]]) -> None:
        if rows:
            self._writes.append(lambda pipe: _put(pipe, self._keys, space, rows))

    def write(self, pipe: Any) -> None:
        """Hand over what was kept back."""
        for write in self._writes:
            write(pipe)

    def _days(self, stream: str) -> list[str]:
        return [day.decode() for day in self._client.smembers(self._keys.days(stream))]


def _put(pipe: Any, keys: _Keys, space: str, rows: Sequence[tuple[bytes, str, bytes]]) -> None:
    held: dict[bytes, dict[str, bytes]] = defaultdict(dict)
    for entity, name, partials in rows:
        held[entity][name] = partials
    pipe.sadd(keys.entities(space), *held)
    for entity, fields in held.items():
        pipe.hset(keys.rows(space, entity), mapping=fields)


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
