"""A stream worker's process on a fresh topic of clicks, the load that it is put under, and what its store holds."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.kafka_producer import TopicProducer
from ai_patterns.clients.kafka_records import Record
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_stores import open_tile_store
from ai_patterns.services.stream_worker.worker import WAIT_SECONDS, StreamWorker
from ai_patterns.spec.loading import load_system
from demo.standalone import free_ports

SECONDS = 240.0


@pytest.fixture
def broker(kafka) -> Broker:
    return Broker(kafka.address)


@pytest.fixture
def folder(repository: Path, tmp_path: Path, broker: Broker) -> Path:
    """A system whose topic is fresh."""
    topic, made = f"clicks-{uuid.uuid4().hex[:8]}", tmp_path / "clicks"
    (made / "sql").mkdir(parents=True)
    source = repository / "benchmarks/systems/clicks"
    (made / "system.yaml").write_text((source / "system.yaml").read_text().replace("topic: clicks", f"topic: {topic}"))
    (made / "sql/events.sql").write_text((source / "sql/events.sql").read_text())
    broker.create_topic(topic, 2)
    return made


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> TileStore:
    return open_tile_store(load_system(folder), f"sqlite:///{tmp_path / 'tiles.db'}")


class Worker:
    """The worker's process on a store."""

    def __init__(self, folder: Path, broker: Broker, store: TileStore, share: str = "0/1") -> None:
        (port,) = free_ports(1)
        self.url, self.log = f"http://127.0.0.1:{port}", folder.parent / f"worker-{port}.log"
        command = [sys.executable, "-m", "ai_patterns.services.stream_worker", "--system-folder", str(folder)]
        command += ["--kafka", broker.servers, "--tiles", f"sqlite:///{store.path}", "--share", share]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log)

    def wait(self) -> int:
        return self.process.wait(SECONDS)


@pytest.fixture
def start(folder: Path, broker: Broker, store: TileStore) -> Iterator[object]:
    """Starts workers, and ends those that are left."""
    workers: list[Worker] = []

    def begin(share: str = "0/1") -> Worker:
        workers.append(Worker(folder, broker, store, share))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


class Load(threading.Thread):
    """Sends events all the while: late ones, ones known ahead of their time, repeated ones, and poison."""

    def __init__(self, broker: Broker, topic: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.broker, self.topic, self.rng = broker, topic, random.Random(seed)
        self.sent: list[Record] = []
        self.ids: set[str] = set()
        self.stopped = threading.Event()

    def run(self) -> None:
        with self.broker.producer() as producer:
            while not self.stopped.is_set():
                self.send(producer)
                time.sleep(0.02)

    def end(self) -> None:
        """Send nothing more."""
        self.stopped.set()
        self.join(SECONDS)

    def send(self, producer: TopicProducer) -> None:
        """Twenty events and a poison message."""
        for _ in range(20):
            self.sent.append(self._next())
            producer.send(self.topic, self.sent[-1])
        producer.send(self.topic, Record(b'{"event_id": ', b"poison"))

    def _next(self) -> Record:
        if self.sent and self.rng.random() < 0.05:
            return self.rng.choice(self.sent)
        number = len(self.sent)
        happened = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=self.rng.choice([0, 0, 0, 1, 7, 90]))
        key, value = f"key-{self.rng.randrange(40)}", self.rng.randrange(-1000, 1000) / 4
        body = {
            "event_id": f"e{number}",
            "happened": happened,
            "milliseconds": number,
            "click_key": key,
            "value": value,
            "high": value > 0,
        }
        self.ids.add(f"e{number}")
        return Record(msgspec.json.encode(body), f"e{number}".encode())


@pytest.fixture
def load(broker: Broker, store: TileStore) -> Iterator[Load]:
    made = Load(broker, topic_of(store), seed=3)
    made.start()
    yield made
    made.end()


def topic_of(store: TileStore) -> str:
    return str(store.system.streams["events"].topic)


def folded(store: TileStore) -> int:
    """Messages that the store is past."""
    return sum(store.offsets().get(topic_of(store), {}).values())


def wait_until(holds, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def events_of(store: TileStore) -> dict[object, list[object]]:
    return {entity: sorted(rows) for entity, rows in store.dump("activity")[1].items()}


def counted(store: TileStore) -> int:
    """Events in the tiles."""
    return sum(row.partials[0] for rows in store.dump("activity")[1].values() for row in rows)


def catch_up(store: TileStore, broker: Broker) -> None:
    ends = broker.watermarks(topic_of(store))
    wait_until(lambda: folded(store) == sum(mark.high for mark in ends.values()))


def fault_free(store: TileStore, broker: Broker, tmp_path: Path) -> TileStore:
    """A store into which the same messages are folded without a fault."""
    whole = open_tile_store(store.system, f"sqlite:///{tmp_path / 'whole.db'}")
    work(broker, whole)
    return whole


def work(broker: Broker, store: TileStore, seconds: float = WAIT_SECONDS) -> None:
    worker = StreamWorker(store.system, broker, store)
    try:
        while worker.lag():
            worker.step(seconds)
    finally:
        worker.close()
