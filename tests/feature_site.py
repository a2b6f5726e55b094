"""A feature service as a real process over drivers' features, in SQLite or in a Redis of its own."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import drivers
from ai_patterns.runtimes.redis import Redis
from server_process import Server, running

KEYS = {"AI_PATTERNS_WRITE_KEYS": "pipeline=sesame"}
HEADERS = {"Authorization": "Bearer sesame"}


@dataclass(frozen=True)
class Site:
    folder: Path
    server: Server
    redis: Redis | None

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return httpx.post(self.server.url + path, json=body, headers=headers, timeout=30)

    def online(self, **body: Any) -> dict[str, Any]:
        answer = self.post("/get-online-features", body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "ai_patterns.services.features", "--repo", str(folder), *more]


def environment() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(sys.path), **KEYS}


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, require_program) -> Iterator[Site]:
    top = tmp_path_factory.mktemp(request.param)
    folder, redis = top / "repo", None
    store = f"{{type: sqlite, path: {folder}/data/online.db}}"
    if request.param == "redis":
        require_program("redis-server")
        redis = Redis(top / "redis")
        redis.up()
        store = f"{{type: redis, connection_string: '{redis.address},db=1'}}"
    try:
        drivers.make_repository(folder, store)
        with running(command(folder, "--max-body-bytes", "50000"), top / "server.log", environment()) as server:
            yield Site(folder, server, redis)
    finally:
        if redis is not None:
            redis.down()


def columns(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(zip(document["metadata"]["feature_names"], document["results"], strict=True))


def push(site: Site, number: int, headers: dict[str, str] | None = HEADERS, **more: Any) -> httpx.Response:
    moment = (drivers.NOW + dt.timedelta(minutes=5)).isoformat()
    frame = {"driver_id": [number], "event_timestamp": [moment], "speed": [7], "street": ["Allee"], **more}
    return site.post("/push", {"push_source_name": "live_push", "df": frame}, headers)
