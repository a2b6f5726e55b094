"""Reading an online store: any of Feast's by its own contract, Redis by its hashes."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from feast import FeatureStore
from feast.feature_server_utils import _value_to_native
from feast.infra.online_stores.sqlite import SqliteOnlineStore

from ai_patterns.clients.feast import CONN_ID
from ai_patterns.core.clock import reading_at, to_microseconds, utc_now
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.features.answers import Row, time_text
from ai_patterns.services.features.plan import ViewRead


@dataclass(frozen=True)
class Ask:
    """Entities of one view.

    Attributes:
        read: the view's features.
        keys: their serialized keys, each once.
        entities: their values, in the order of `read.keys.names`.
    """

    read: ViewRead
    keys: Sequence[bytes]
    entities: Sequence[tuple[Any, ...]]


class Reader(Protocol):
    """Reads one online store."""

    async def read(self, asks: Sequence[Ask]) -> list[list[Row | None]]:
        """What the store holds of each ask's entities, all as of one instant; None for an unknown one.

        Raises:
            ServiceUnavailableError: the store cannot be read.
        """

    async def close(self) -> None:
        """Give up its connections."""


Turn = AbstractContextManager[object]
"""What a thread holds while it reads or writes the online store."""


def turn_of(store: FeatureStore) -> Turn:
    """A lock for SQLite: Feast has one connection, on which a thread would read the half of another one's write."""
    embedded = isinstance(store._get_provider().online_store, SqliteOnlineStore)
    return threading.Lock() if embedded else nullcontext()


class FeastReader:
    """Any online store, through `online_read`: the tiles of the stream layer among them.

    Args:
        store: the open repository.
        turn: held by each request that reads.
    """

    def __init__(self, store: FeatureStore, turn: Turn) -> None:
        self._store, self._turn = store, turn

    async def read(self, asks: Sequence[Ask]) -> list[list[Row | None]]:
        """See `Reader`."""
        try:
            return await asyncio.to_thread(self._read, asks)
        except Exception as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        """See `Reader`."""
        await self._store.close()

    def _read(self, asks: Sequence[Ask]) -> list[list[Row | None]]:
        with self._turn, reading_at(utc_now()):
            return [self._view(ask) for ask in asks]

    def _view(self, ask: Ask) -> list[Row | None]:
        read = ask.read
        keys = [read.keys.proto(entity) for entity in ask.entities]
        found = self._store._get_provider().online_read(self._store.config, read.view, keys, list(read.features))
        return [_row(time, values, read.features) for time, values in found]


def unavailable(error: Exception) -> ServiceUnavailableError:
    """What a store's own error becomes."""
    return ServiceUnavailableError(f"the online store cannot be read: {error}.", conn_id=CONN_ID)


def _row(time: dt.datetime | None, values: dict[str, Any] | None, features: Sequence[str]) -> Row | None:
    if time is None:
        return None
    moment = to_microseconds(time if time.tzinfo else time.replace(tzinfo=dt.UTC))
    if values is None:
        return Row(moment, time_text(moment), None)
    return Row(moment, time_text(moment), [_native(values.get(name)) for name in features])


def _native(value: Any) -> Any:
    return None if value is None else _value_to_native(value)
