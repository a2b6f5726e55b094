"""Real services: started once, killed without warning, started again with their data."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ai_patterns.cli import main
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.runtimes.redis import Redis
from ai_patterns.runtimes.runtime import free_port


@pytest.fixture
def redis(tmp_path: Path, require_program) -> Iterator[Redis]:
    require_program("redis-server")
    server = Redis(tmp_path / "a home" / "redis")
    server.home.parent.mkdir()
    yield server
    server.down()


def ask(redis: Redis, command: str) -> str:
    with socket.create_connection(("127.0.0.1", redis.port), 5) as connection:
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(100).decode()


def kill(runtime) -> None:
    for group in runtime.groups:
        os.killpg(group, signal.SIGKILL)


def test_a_killed_redis_comes_back_with_its_data_at_its_port(redis) -> None:
    assert redis.up()
    port = redis.port
    for number in range(5):
        assert ask(redis, "INCR starts").startswith(f":{number + 1}")
        kill(redis)
        assert redis.up()
        assert redis.port == port


def test_of_starters_at_the_same_time_one_starts(redis) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: redis.up(), range(4))) == [False, False, False, True]
    assert len(redis.groups) == 1


def test_data_outlive_down_and_a_new_port(redis) -> None:
    redis.up()
    ask(redis, "SET a 1")
    assert redis.down()
    assert not redis.down()
    port = free_port()
    assert redis.up(port)
    assert redis.port == port
    assert "1" in ask(redis, "GET a")


def test_a_taken_port_is_refused(redis) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServiceRejectedError, match="is taken; give another one with --port"):
            redis.up(taken.getsockname()[1])
    assert not redis.groups


def test_a_stranger_at_its_port_is_not_taken_for_it(redis, tmp_path) -> None:
    redis.up()
    redis.down()
    stranger = Redis(tmp_path / "stranger")
    try:
        stranger.up(redis.port)
        with pytest.raises(ServiceRejectedError, match="is taken"):
            redis.up()
    finally:
        stranger.down()


def test_another_port_while_it_runs_is_refused(redis) -> None:
    redis.up()
    with pytest.raises(ServiceRejectedError, match="`ai-patterns down redis` first"):
        redis.up(free_port())


def test_a_service_that_ends_while_it_starts_shows_its_log(redis) -> None:
    redis.up()
    redis.down()
    (redis.data / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense", "utf-8")
    with pytest.raises(ServiceUnavailableError, match=r"ended while it started; see .*redis.log\n(.*\n)*.*manifest"):
        redis.up()


def test_the_commands(tmp_path, capsys, require_program) -> None:
    require_program("redis-server")
    home = ["--home", str(tmp_path)]
    try:
        assert [main([*words, *home]) for words in (["up", "redis"], ["up", "redis"], ["runtimes"], ["down"])] == [
            0
        ] * 4
    finally:
        Redis(tmp_path / "redis").down()
    told = [line.split(" at ")[0] for line in capsys.readouterr().out.splitlines()]
    others = ("flink", "hadoop", "kafka", "spark", "statsd", "alertmanager", "prometheus")
    assert told[:2] == ["redis: started", "redis: runs already"]
    assert set(told[2:10]) == {"redis: runs", *(f"{name}: does not run" for name in others)}
    assert set(told[10:]) == {"redis: stopped", *(f"{name}: did not run" for name in others)}
