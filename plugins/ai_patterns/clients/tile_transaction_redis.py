"""Reads and writes of tiles in Redis within one transaction.

Keys below the prefix: `version`; `notes`, a hash; `days:S`, a set of the days of which `seen:S:day` holds identities of
stream S; `entities:X`, a set, and `rows:X:entity`, a hash each, for space X.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from typing import Any

from ai_patterns.clients.tile_transaction import Place


class Keys:
    """Names of the store's keys."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.version, self.notes = f"{prefix}:version", f"{prefix}:notes"

    def days(self, stream: str) -> str:
        """The days of a stream of which identities are held."""
        return f"{self._prefix}:days:{stream}"

    def seen(self, stream: str, day: str) -> str:
        """The identities of a stream's events of one day."""
        return f"{self._prefix}:seen:{stream}:{day}"

    def entities(self, space: str) -> str:
        """The entities of a space of which a row is held."""
        return f"{self._prefix}:entities:{space}"

    def rows(self, space: str, entity: bytes) -> bytes:
        """The rows of one entity."""
        return f"{self._prefix}:rows:{space}:".encode() + entity


class RedisReader:
    """Reads beside the notes of one moment."""

    def __init__(self, client: Any, keys: Keys, notes: Mapping[str, str]) -> None:
        self._client, self._keys, self._notes = client, keys, dict(notes)

    def notes(self, prefix: str) -> dict[str, str]:
        """The notes whose name begins with `prefix`."""
        return {name: text for name, text in self._notes.items() if name.startswith(prefix)}

    def entities(self, space: str) -> list[bytes]:
        """Every entity of a space of which a row is held."""
        return list(self._client.smembers(self._keys.entities(space)))

    def entity_rows(self, space: str, entities: Sequence[bytes]) -> list[dict[str, bytes]]:
        """All rows of each entity, by name."""
        with self._client.pipeline(transaction=False) as pipe:
            for entity in entities:
                pipe.hgetall(self._keys.rows(space, entity))
            return [{name.decode(): held for name, held in found.items()} for found in pipe.execute()]


class RedisTransaction(RedisReader):
    """Reads of what was there before, but for the notes, and writes kept back."""

    def __init__(self, client: Any, keys: Keys, notes: Mapping[str, str]) -> None:
        super().__init__(client, keys, notes)
        self._writes: list[Callable[[Any], Any]] = []

    def note(self, name: str, text: str) -> None:
        """Write a note, which this transaction reads from now on."""
        self._notes[name] = text
        self._writes.append(methodcaller("hset", self._keys.notes, name, text))

    def seen(self, stream: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of the identities that are held."""
        if not ids:
            return frozenset()
        with self._client.pipeline(transaction=False) as pipe:
            for day in self._days(stream):
                pipe.smismember(self._keys.seen(stream, day), list(ids))
            found = pipe.execute()
        return frozenset(name for flags in found if 1 in flags for name, flag in zip(ids, flags, strict=True) if flag)

    def remember(self, stream: str, day: dt.date, ids: Sequence[str]) -> None:
        """Hold identities of a stream's events of one day."""
        if ids:
            self._writes.append(methodcaller("sadd", self._keys.days(stream), day.isoformat()))
            self._writes.append(methodcaller("sadd", self._keys.seen(stream, day.isoformat()), *ids))

    def forget(self, stream: str, before: dt.date) -> None:
        """Delete a stream's identities of the days before one."""
        for day in self._days(stream):
            if dt.date.fromisoformat(day) < before:
                self._writes.append(methodcaller("unlink", self._keys.seen(stream, day)))
                self._writes.append(methodcaller("srem", self._keys.days(stream), day))

    def rows(self, space: str, places: Sequence[Place]) -> list[bytes | None]:
        """The row at each place; None where there is none."""
        names: dict[bytes, list[str]] = defaultdict(list)
        for entity, name in places:
            names[entity].append(name)
        with self._client.pipeline(transaction=False) as pipe:
            for entity, wanted in names.items():
                pipe.hmget(self._keys.rows(space, entity), wanted)
            found = {entity: iter(held) for entity, held in zip(names, pipe.execute(), strict=True)}
        return [next(found[entity]) for entity, _ in places]

    def put(self, space: str, rows: Sequence[tuple[bytes, str, bytes]]) -> None:
        """Write rows over what was at their places."""
        if rows:
            self._writes.append(lambda pipe: put_rows(pipe, self._keys, space, rows))

    def write(self, pipe: Any) -> None:
        """Hand over what was kept back."""
        for write in self._writes:
            write(pipe)

    def _days(self, stream: str) -> list[str]:
        return [day.decode() for day in self._client.smembers(self._keys.days(stream))]


def put_rows(pipe: Any, keys: Keys, space: str, rows: Sequence[tuple[bytes, str, bytes]]) -> None:
    """Have a pipeline write rows, each entity's together."""
    held: dict[bytes, dict[str, bytes]] = defaultdict(dict)
    for entity, name, partials in rows:
        held[entity][name] = partials
    pipe.sadd(keys.entities(space), *held)
    for entity, fields in held.items():
        pipe.hset(keys.rows(space, entity), mapping=fields)
