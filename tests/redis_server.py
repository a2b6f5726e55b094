"""A real Redis for all tests of the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ai_patterns.runtimes.redis import Redis


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory, require_program) -> Iterator[Redis]:
    """One real Redis, stopped at the session's end; each test writes below a prefix of its own."""
    require_program("redis-server")
    server = Redis(tmp_path_factory.mktemp("runtimes") / "redis")
    try:
        server.up()
        yield server
    finally:
        server.down()
