"""Online reads from Redis without Feast's detours, and without Redis where what it replied has not changed."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from feast import FeatureStore
from feast.feature_service import FeatureService
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from ai_patterns.feast.online_rows import OnlineRows
from ai_patterns.feast.redis_requests import RedisRequests
from ai_patterns.feast.resp import RespConnection
from ai_patterns.feast.tracked import TrackedReplies

log = logging.getLogger(__name__)

KEPT = 10_000
"""Entities that a thread keeps: of a dozen features some 10 MB."""


class _Replies(Protocol):
    def ask(self, entities: Sequence[Sequence[bytes]]) -> list[Any]: ...


class _UntrackedReplies:
    """Every reply from Redis itself."""

    def __init__(self, client: Redis, requests: RedisRequests) -> None:
        self._connection, self._requests = RespConnection(client), requests

    def ask(self, entities: Sequence[Sequence[bytes]]) -> list[Any]:
        return self._connection.ask(*self._requests.commands(entities))


class OnlineReader:
    """Reads features from a Redis store; a connection a thread.

    Args:
        store: the open repository, whose online store is `ai_patterns.feast.RedisOnlineStore` or Feast's own.
        requests: the questions.
        kept: entities whose replies a thread keeps until Redis says that they changed; 0 for none.
    """

    def __init__(self, store: FeatureStore, requests: RedisRequests, kept: int = KEPT) -> None:
        self._store, self._requests, self._kept, self._local = store, requests, kept, threading.local()

    def read(self, rows: Mapping[str, Sequence[Any]]) -> OnlineRows:
        """Features of entity rows (join key -> values).

        Raises:
            KeyError: a join key is absent.
            redis.exceptions.ConnectionError: Redis is away.
        """
        entities = self._requests.entities(rows)
        try:
            replies = self._replies().ask(entities)
        except RedisConnectionError:  # Redis closes what was idle for long: once more, on a new one
            self._local.owner = None
            replies = self._replies().ask(entities)
        return self._requests.answer(replies)

    def _replies(self) -> _Replies:
        process = os.getpid()  # a fork has what its parent has, and two may not share a connection
        if getattr(self._local, "owner", None) != process:
            self._local.replies, self._local.owner = self._opened(), process
        replies: _Replies = self._local.replies
        return replies

    def _opened(self) -> _Replies:
        online: Any = self._store._get_provider().online_store
        client = online._get_client(self._store.config.online_store)
        if self._kept:
            try:
                return TrackedReplies(client, self._requests, self._kept)
            except ResponseError as error:
                log.warning("Redis does not tell what changes, so every read asks it: %s", error)
        return _UntrackedReplies(client, self._requests)


def open_reader(
    store: FeatureStore, features: list[str] | FeatureService, *, full_feature_names: bool = False, kept: int = KEPT
) -> OnlineReader:
    """A reader of features (`view:feature`, or a service) from the repository's Redis; the registry is read once.

    Args:
        store: see `OnlineReader`.
        features: see `RedisRequests`.
        full_feature_names: see `RedisRequests`.
        kept: see `OnlineReader`.
    """
    return OnlineReader(store, RedisRequests(store, features, full_feature_names=full_feature_names), kept)
