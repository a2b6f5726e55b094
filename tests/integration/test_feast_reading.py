"""Reads that keep what Redis replied: never older than what Redis said, whatever happens between the two."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from feast import FeatureStore, FeatureView
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ai_patterns.feast import OnlineReader, open_reader
from ai_patterns.runtimes.programs import find_program
from ai_patterns.runtimes.redis import Redis
from ai_patterns.runtimes.runtime import free_port
from feast_shop import NOW, OURS, driver, open_repository, ride, rides, table, write

Opened = tuple[FeatureStore, FeatureView]
RATING = ["rides:rating"]
A_MOMENT = 1.0
"""Seconds in which a change is heard of, also on a busy machine."""


@pytest.fixture
def opened(tmp_path: Path, redis: Redis) -> Opened:
    return repository(tmp_path, redis.address)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path / "redis")
    server.up()
    yield server
    server.down()


def repository(folder: Path, address: str) -> Opened:
    place = folder / uuid.uuid4().hex
    store = open_repository(place, OURS["redis"], redis_address=address)
    table(ride(1, 1.0, NOW)).to_pandas().to_parquet(place / "rides.parquet")
    view = rides(place)
    store.apply([driver(), view])
    return store, view


def ratings(reader: OnlineReader, *drivers: int) -> list[float | None]:
    return reader.read({"driver_id": drivers}).values["rating"]


def eventually(read: Callable[[], Any], wanted: Any) -> None:
    end = time.monotonic() + A_MOMENT
    while (found := read()) != wanted and time.monotonic() < end:
        pass
    assert found == wanted


def connection_of(reader: OnlineReader) -> Any:
    return reader._replies()._connection


def commands_of(client: redis_client.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_hmget", {"calls": 0})["calls"])


def test_what_did_not_change_is_not_asked_again(own_redis: Redis, tmp_path: Path) -> None:
    store, view = repository(tmp_path, own_redis.address)
    write(store, view, ride(1, 5.0, NOW), ride(2, 4.0, NOW))
    reader, client = open_reader(store, RATING), redis_client.Redis.from_url(f"redis://{own_redis.address}")
    assert ratings(reader, 1, 2, 404) == [5.0, 4.0, None]
    asked = commands_of(client)
    assert ratings(reader, 404, 2, 1, 1) == [None, 4.0, 5.0, 5.0]
    assert commands_of(client) == asked
    assert ratings(reader, 1, 3) == [5.0, None]
    assert commands_of(client) == asked + 1


def test_a_change_is_heard_of(opened: Opened, redis: Redis) -> None:
    store, view = opened
    reader, client = open_reader(store, RATING), redis_client.Redis.from_url(f"redis://{redis.address}")
    write(store, view, ride(1, 5.0, NOW), ride(2, 4.0, NOW))
    assert ratings(reader, 1, 2, 3) == [5.0, 4.0, None]
    write(store, view, ride(1, 3.0, NOW), ride(3, 2.0, NOW))
    eventually(lambda: ratings(reader, 1, 2, 3), [3.0, 4.0, 2.0])
    for key in client.scan_iter(b"*" + store.project.encode()):
        client.pexpire(key, 1)
    eventually(lambda: ratings(reader, 1, 2, 3), [None, None, None])


def test_a_change_in_the_middle_of_a_read_is_heard_of(
    own_redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read of more entities than are asked for together: one of the first changes before the last are asked for."""
    store, view = repository(tmp_path, own_redis.address)
    write(store, view, *(ride(number, 1.0, NOW) for number in range(30)))
    reader, client = open_reader(store, RATING), redis_client.Redis.from_url(f"redis://{own_redis.address}")
    commands = reader._requests.commands

    def written_between(entities: Any) -> Any:
        parts, replies = commands(entities)

        def slowly() -> Iterator[bytes]:
            yield next(parts)
            while commands_of(client) < 25:
                time.sleep(0.01)
            write(store, view, ride(0, 2.0, NOW))
            yield from parts

        return slowly(), replies

    with monkeypatch.context() as patch:
        patch.setattr(reader._requests, "commands", written_between)
        assert ratings(reader, *range(30)) == [1.0] * 30
    assert ratings(reader, 0) == [2.0]


def test_over_tls_a_change_is_heard_of(own_redis: Redis, tmp_path: Path) -> None:
    key, certificate, port = tmp_path / "key.pem", tmp_path / "certificate.pem", free_port()
    openssl = str(find_program("openssl", "install OpenSSL (Debian: openssl)"))
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([openssl, *made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    client = redis_client.Redis.from_url(f"redis://{own_redis.address}")
    settings = {"tls-key-file": key, "tls-cert-file": certificate, "tls-auth-clients": "no", "tls-port": port}
    client.config_set(*[str(part) for item in settings.items() for part in item])
    store, view = repository(tmp_path, f"127.0.0.1:{port},ssl=true,ssl_cert_reqs=none")
    write(store, view, *(ride(number, 5.0, NOW) for number in range(500)))
    reader = open_reader(store, RATING)
    assert ratings(reader, *range(500)) == [5.0] * 500
    write(store, view, *(ride(number, 4.0, NOW) for number in range(500)))
    eventually(lambda: ratings(reader, *range(500)), [4.0] * 500)


def test_all_is_forgotten_when_redis_is_emptied(own_redis: Redis, tmp_path: Path) -> None:
    store, view = repository(tmp_path, own_redis.address)
    write(store, view, ride(1, 5.0, NOW))
    reader = open_reader(store, RATING)
    assert ratings(reader, 1) == [5.0]
    redis_client.Redis.from_url(f"redis://{own_redis.address}").flushall()
    eventually(lambda: ratings(reader, 1), [None])


def test_under_writers_and_cut_connections_no_value_goes_back(opened: Opened, redis: Redis) -> None:
    """A reader whose connection is cut again and again, beside a writer: each value is as new as the last, or newer."""
    store, view = opened
    client, drivers, stop = redis_client.Redis.from_url(f"redis://{redis.address}"), range(20), threading.Event()
    reader, step = open_reader(store, RATING), count(1)

    def write_on() -> None:
        while not stop.is_set():
            value = float(next(step))
            write(store, view, *(ride(number, value, NOW) for number in drivers))

    write(store, view, *(ride(number, 0.0, NOW) for number in drivers))
    writer = threading.Thread(target=write_on)
    writer.start()
    last, cut, end = [0.0] * len(drivers), 0, time.monotonic() + 3
    try:
        while time.monotonic() < end:
            found = ratings(reader, *drivers)
            assert all(new >= old for new, old in zip(found, last, strict=True)), (found, last)
            last = found
            if time.monotonic() > end - 3 + 0.1 * cut:
                with contextlib.suppress(RedisConnectionError):
                    client.client_kill_filter(_id=connection_of(reader).ask([b"CLIENT ID\r\n"], 1)[0])
                cut += 1
    finally:
        stop.set()
        writer.join()
    assert cut > 10
    assert last[0] > 0
    eventually(lambda: ratings(reader, *drivers), ratings(open_reader(store, RATING, kept=0), *drivers))


def test_what_is_kept_is_not_said_when_redis_is_away(own_redis: Redis, tmp_path: Path) -> None:
    store, view = repository(tmp_path, own_redis.address)
    write(store, view, ride(1, 5.0, NOW))
    reader = open_reader(store, RATING)
    assert ratings(reader, 1) == [5.0]
    own_redis.down()
    with pytest.raises(RedisConnectionError):
        ratings(reader, 1)
    own_redis.up()
    assert ratings(reader, 1) == [5.0]


def test_what_is_kept_is_not_said_for_long_when_redis_hangs(own_redis: Redis, tmp_path: Path) -> None:
    """A Redis that hangs, or a network that swallows all, closes no connection."""
    store, view = repository(tmp_path, f"{own_redis.address},socket_timeout=0.2")
    write(store, view, ride(1, 5.0, NOW))
    reader = open_reader(store, RATING)
    assert ratings(reader, 1) == [5.0]
    (group,) = own_redis.groups
    os.killpg(group, signal.SIGSTOP)
    try:
        time.sleep(1.1)
        with pytest.raises((RedisConnectionError, RedisTimeoutError)):
            ratings(reader, 1)
    finally:
        os.killpg(group, signal.SIGCONT)
    eventually(lambda: ratings(reader, 1), [5.0])


def test_a_fork_has_a_connection_of_its_own(opened: Opened) -> None:
    store, view = opened
    write(store, view, *(ride(number, float(number), NOW) for number in range(200)))
    reader = open_reader(store, RATING)
    assert ratings(reader, 0) == [0.0]

    def read_all() -> None:
        for number in range(200):
            assert ratings(reader, number) == [float(number)]

    child = multiprocessing.get_context("fork").Process(target=read_all)
    child.start()
    read_all()
    child.join(60)
    assert child.exitcode == 0


def test_no_more_than_so_many_are_kept(opened: Opened) -> None:
    store, view = opened
    write(store, view, *(ride(number, float(number), NOW) for number in range(5)))
    reader = open_reader(store, RATING, kept=2)
    for _ in range(2):
        assert ratings(reader, *range(5)) == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert [len(kept) for kept in reader._replies()._kept] == [2]


def test_a_user_who_may_not_track_reads_all_the_same(
    own_redis: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = redis_client.Redis.from_url(f"redis://{own_redis.address}")
    client.execute_command("ACL", "SETUSER", "shop", "on", ">secret", "~*", "+@all", "-client")
    store, view = repository(tmp_path, f"{own_redis.address},username=shop,password=secret")
    write(store, view, ride(1, 5.0, NOW))
    reader = open_reader(store, RATING)
    with caplog.at_level(logging.WARNING, "ai_patterns.feast.reading"):
        assert ratings(reader, 1) == [5.0]
    assert "every read asks it" in caplog.text
    assert "secret" not in caplog.text
    write(store, view, ride(1, 4.0, NOW))
    assert ratings(reader, 1) == [4.0]
