"""The feature service over Redis: what is kept, what changes, what hangs, what goes away."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import redis as redis_client

import drivers
from ai_patterns.clients.feast import open_store
from feature_site import Site, columns, command, environment, push, site
from server_process import running, wait_until

__all__ = ["site"]


@pytest.mark.parametrize("site", ["redis"], indirect=True)
def test_rows_are_kept_until_somebody_changes_them(site: Site) -> None:
    assert site.redis is not None
    client = redis_client.Redis.from_url(f"redis://{site.redis.address}")
    body: dict[str, Any] = {"features": ["live:speed"], "entities": {"driver_id": [4001, 4002]}}
    speeds = lambda: columns(site.online(**body))["speed"]["values"]  # noqa: E731  three words
    asked = lambda: client.info("commandstats")["cmdstat_hmget"]["calls"]  # noqa: E731
    assert push(site, 4001).status_code == 200
    assert speeds() == [7.0, None]
    before = asked()
    assert speeds() == [7.0, None]
    assert asked() == before
    moment = [drivers.NOW + dt.timedelta(minutes=6)]
    frame = pd.DataFrame({"driver_id": [4002], "event_timestamp": moment, "speed": [3.0], "street": ["Weg"]})
    open_store(site.folder).write_to_online_store("live", frame)  # Feast's own client, in another process
    wait_until(lambda: speeds() == [7.0, 3.0], 1, site.server.output)


@pytest.mark.parametrize("site", ["redis"], indirect=True)
def test_a_service_that_keeps_nothing_asks_each_time(site: Site, tmp_path: Path) -> None:
    assert site.redis is not None
    client = redis_client.Redis.from_url(f"redis://{site.redis.address}")
    body = {"features": ["stats:trips"], "entities": {"driver_id": [1001]}}
    with running([*command(site.folder), "--kept-entities", "0"], tmp_path / "log", environment()) as server:
        before = client.info("commandstats").get("cmdstat_hmget", {"calls": 0})["calls"]
        for _ in range(3):
            httpx.post(f"{server.url}/get-online-features", json=body, timeout=30).raise_for_status()
        assert client.info("commandstats")["cmdstat_hmget"]["calls"] == before + 3
        assert client.info("clients")["tracking_clients"] == 1  # the other service's


@pytest.mark.parametrize("site", ["redis"], indirect=True)
def test_a_redis_that_hangs_is_noticed_though_rows_are_kept(site: Site) -> None:
    assert site.redis is not None
    ask = lambda: site.post("/get-online-features", {"features": ["stats:trips"], "entities": {"driver_id": [1001]}})  # noqa: E731
    assert ask().status_code == 200
    (group,) = site.redis.groups
    os.killpg(group, signal.SIGSTOP)
    try:
        time.sleep(1.1)
        assert ask().status_code == 503
    finally:
        os.killpg(group, signal.SIGCONT)
    wait_until(lambda: ask().status_code == 200, 10, site.server.output)


@pytest.mark.parametrize("site", ["redis"], indirect=True)
def test_redis_goes_away_and_comes_back(site: Site) -> None:
    redis = site.redis
    assert redis is not None
    body = {"features": ["stats:trips"], "entities": {"driver_id": [1001]}}
    ask = lambda: site.post("/get-online-features", body)  # noqa: E731  three words
    assert ask().status_code == 200
    redis.down()
    refused = ask()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert httpx.get(f"{site.server.url}/ready").status_code == 503
    assert httpx.get(f"{site.server.url}/health").status_code == 200
    assert push(site, 1001).status_code == 503
    redis.up(port=redis.port)
    wait_until(lambda: ask().status_code == 200, 60, site.server.output)
    assert columns(ask().json())["trips"]["values"] == [3]
    assert push(site, 1001).status_code == 200
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask) for _ in range(60)]
        assert {answer.result().status_code for answer in itertools.islice(answers, 30)} == {200}
        assert site.server.terminate() == -15  # uvicorn, once drained, ends by the signal that it was sent
