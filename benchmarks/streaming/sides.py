"""The two sides: how each is started, how far it is, and what it holds for a key."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import redis

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.tile_stores import open_tile_store
from ai_patterns.jobs.landed import landed_offsets
from ai_patterns.spec.loading import load_system
from streaming.stage import Stage

_HERE = Path(__file__).resolve().parent.parent
_LAND = """
import sys, time
from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.jobs.landing import land
from ai_patterns.spec.loading import load_system

while True:
    land(load_system(sys.argv[1]), Lake(sys.argv[2], "clicks"), Broker(sys.argv[3]), "events")
    time.sleep(0.5)
"""


class Running(Protocol):
    """A side at work."""

    def done(self) -> int:
        """Events that it has finished."""

    def value(self, key: str, at: datetime) -> dict[str, Any] | None:
        """What is read online for a key: count, total, least and most of the hour before `at`."""

    def resident(self) -> int:
        """Memory of its processes in bytes."""


class Ours:
    """The stream worker and a landing process."""

    def __init__(self, services: Stage) -> None:
        self._services = services

    @contextmanager
    def reading(self, topic: str) -> Iterator[Running]:
        """Run on a topic."""
        folder = self._services.folder / topic
        system = folder / "clicks"
        (system / "sql").mkdir(parents=True)
        spec = (_HERE / "systems" / "clicks" / "system.yaml").read_text("utf-8")
        (system / "system.yaml").write_text(spec.replace("topic: clicks", f"topic: {topic}"), "utf-8")
        (system / "sql" / "events.sql").write_text("SELECT * FROM events\n", "utf-8")
        tiles, servers = f"sqlite:///{folder / 'tiles.db'}", self._services.broker.servers
        worker = [sys.executable, "-m", "ai_patterns.services.stream_worker", "--port", "0"]
        worker += ["--system-folder", str(system), "--kafka", servers, "--tiles", tiles]
        land = [sys.executable, "-c", _LAND, str(system), str(folder / "lake"), servers]
        with _process(worker) as folding, _process(land) as landing:
            yield _OurRun(system, folder, tiles, topic, (folding.pid, landing.pid))


class _OurRun:
    def __init__(self, system: Path, folder: Path, tiles: str, topic: str, pids: tuple[int, ...]) -> None:
        self._system, self._topic, self._pids = load_system(system), topic, pids
        self._store = open_tile_store(self._system, tiles)
        self._lake = Lake(str(folder / "lake"), "clicks")

    def done(self) -> int:
        folded = sum(self._store.offsets().get(self._topic, {}).values())
        return min(folded, sum(landed_offsets(self._system, self._lake, "events").values()))

    def value(self, key: str, at: datetime) -> dict[str, Any] | None:
        (found,) = self._store.read("activity", [(key,)], at)
        names = {"count": "events_1h", "sum": "total_1h", "min": "least_1h", "max": "most_1h"}
        return found and {name: found[feature] for name, feature in names.items()}

    def resident(self) -> int:
        return sum(_resident(pid) for pid in self._pids)


class Quixstreams:
    """The peer with a window of `minutes`."""

    def __init__(self, services: Stage, minutes: int) -> None:
        self._services, self._minutes = services, minutes

    @contextmanager
    def reading(self, topic: str) -> Iterator[Running]:
        """Run on a topic."""
        services, group = self._services, f"{topic}-{self._minutes}"
        command = [str(services.peer), str(_HERE / "peers" / "quixstreams_window.py"), "--length", str(self._minutes)]
        command += ["--broker", services.broker.servers, "--redis", services.redis, "--topic", topic, "--group", group]
        with _process([*command, "--state", str(services.folder / group)]) as process:
            yield _TheirRun(services.redis, group, process.pid, tiles=self._minutes == 5)


class _TheirRun:
    def __init__(self, address: str, group: str, pid: int, *, tiles: bool) -> None:
        host, port = address.split(":")
        self._any = tiles
        self._redis, self._group, self._pid = redis.Redis(host, int(port)), group, pid

    def done(self) -> int:
        return int(self._redis.get(f"{self._group}:events") or 0)

    def value(self, key: str, at: datetime) -> dict[str, Any] | None:
        held = self._redis.hgetall(f"{self._group}:{key}")
        start = int(at.timestamp() * 1000) - 3_600_000
        found = held.get(str(start).encode()) or (next(iter(held.values()), None) if self._any else None)
        return {name: json.loads(found)[name] for name in ("count", "sum", "min", "max")} if found else None

    def resident(self) -> int:
        return _resident(self._pid)


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError((process.stderr.read() if process.stderr else b"").decode()[-2_000:])
    finally:
        process.terminate()
        process.wait(30)


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * 4096
