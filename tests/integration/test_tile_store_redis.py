"""Tiles in a real Redis."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path

import pytest

import speed_layer
from ai_patterns.clients.tile_store_redis import RedisTileStore
from ai_patterns.clients.tile_stores import open_tile_store
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.runtimes.redis import Redis
from crash_points import crash_everywhere
from soak_figures import add_figures
from tile_store_conformance import GROUP, Conformance, OpenStore, Span, change, exact, put


@pytest.fixture
def open_store(redis: Redis) -> OpenStore:
    test = uuid.uuid4().hex
    return lambda system, name=None: RedisTileStore(
        system, f"redis://{redis.address}/0", f"{test}:{name or uuid.uuid4().hex}"
    )


class TestRedis(Conformance):
    """The suite over Redis."""


def test_a_redis_that_is_killed_comes_back_whole_and_an_emptied_one_is_refused(tmp_path: Path, require_program) -> None:
    require_program("redis-server")
    system, server = speed_layer.streaming_system(), Redis(tmp_path / "redis")
    try:
        server.up()
        url = f"redis://{server.address}/0"
        store = open_tile_store(system, url)
        claim = store.claim("t", 0)
        put(store, Span(claim, 0, 1), change(1))
        held = exact(store.dump(GROUP))
        for group in server.groups:
            os.killpg(group, signal.SIGKILL)
        with pytest.raises(ServiceUnavailableError, match="ai_patterns_online_store"):
            store.dump(GROUP)
        server.up()
        assert exact(store.dump(GROUP)) == held
        put(store, Span(claim, 1, 2), change(1))

        store._client.flushall()
        with pytest.raises(ServiceRejectedError, match="emptied or put back"):
            store.read(GROUP, [("a",)], speed_layer.START)
        open_tile_store(system, url)
        with pytest.raises(ServiceRejectedError, match="emptied or put back"):
            store.read(GROUP, [("a",)], speed_layer.START)
        with pytest.raises(ServiceRejectedError, match="emptied or put back"):
            put(store, Span(claim, 2, 3), change(1))
    finally:
        server.down()


def test_a_password_is_in_no_message() -> None:
    with pytest.raises(ServiceUnavailableError) as caught:
        open_tile_store(speed_layer.streaming_system(), "redis://user:secret@127.0.0.1:1/0")
    assert "127.0.0.1:1/0" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_crash_loses_or_doubles_an_event(open_store: OpenStore, request: pytest.FixtureRequest) -> None:
    figures = crash_everywhere(open_store, request.config.getoption("--crash-points"))
    add_figures(request.config.getoption("--figures"), "tiles in Redis", figures)
