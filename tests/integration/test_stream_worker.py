"""The stream worker as a process: it tells how it is, drains, is fenced, and loses and doubles nothing when killed."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.kafka_records import Record
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_stores import open_tile_store
from ai_patterns.services.stream_worker.worker import StreamWorker
from ai_patterns.spec.loading import load_system
from demo.standalone import free_ports
from soak_figures import add_figures

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
        self.ids: set[str] = set()
        self.stopped = threading.Event()

    def run(self) -> None:
        sent: list[Record] = []
        with self.broker.producer() as producer:
            while not self.stopped.is_set():
                for _ in range(20):
                    sent.append(self._again(sent) if sent and self.rng.random() < 0.05 else self._new(len(sent)))
                    producer.send(self.topic, sent[-1])
                producer.send(self.topic, Record(b'{"event_id": ', b"poison"))
                time.sleep(0.02)

    def _again(self, sent: list[Record]) -> Record:
        return self.rng.choice(sent)

    def _new(self, number: int) -> Record:
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
    made.stopped.set()
    made.join(SECONDS)


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


def test_it_tells_how_it_is_and_drains(start, store, broker, load) -> None:
    worker = start()
    wait_until(lambda: folded(store) > 500)
    assert httpx.get(f"{worker.url}/health").json()["lag"] >= 0
    metrics = httpx.get(f"{worker.url}/metrics").text
    counters = ("folded_events_total", "refused_messages_total", "left_out_events_total")
    for name in (*counters, "watermark_seconds", "lag_messages"):
        assert f'ai_patterns_stream_{name}{{stream="events"}}' in metrics
    worker.process.send_signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_a_worker_that_is_replaced_is_fenced(start, store, broker, load) -> None:
    first = start()
    wait_until(lambda: folded(store) > 200)
    second = start()
    assert first.wait() == 1
    assert "another worker took partition" in first.log.read_text()
    load.stopped.set()
    load.join(SECONDS)
    catch_up(store, broker)
    assert second.process.poll() is None
    assert counted(store) == len(load.ids)


def test_two_workers_share_the_partitions(start, store, broker, load) -> None:
    workers = [start("0/2"), start("1/2")]
    wait_until(lambda: len(store.offsets().get(topic_of(store), {})) == 2)
    load.stopped.set()
    load.join(SECONDS)
    catch_up(store, broker)
    assert [worker.process.poll() for worker in workers] == [None, None]
    assert counted(store) == len(load.ids)


def test_a_topic_made_anew_stops_it_with_the_remedy(start, store, broker) -> None:
    claims = {partition: store.claim(topic_of(store), partition) for partition in (0, 1)}
    assert claims
    store.rewind(topic_of(store), 0, 10_000)
    worker = start()
    assert worker.wait() == 1
    assert "made anew or shortened" in worker.log.read_text()


def test_kills_at_any_moment_under_load(start, store, kafka, load, tmp_path, request) -> None:
    broker = load.broker
    kills = max(request.config.getoption("--kills") // 2, 1)
    figures, seeded = {"crash_points": 0, "kills": 0, "lost": 0, "doubled": 0}, random.Random(5)
    for number in range(kills):
        before, worker = folded(store), start()
        wait_until(lambda: folded(store) > before)  # noqa: B023  it is waited for in this round
        time.sleep(seeded.uniform(0, 0.5))
        if number % 10 == 2:
            for group in kafka.groups:
                os.killpg(group, signal.SIGKILL)
            assert kafka.up(), "it was dead"
        worker.process.kill()
        worker.process.wait()
        figures["kills"] += 1
        print(f"{number + 1} of {kills}: {folded(store)} messages", flush=True)
    load.stopped.set()
    load.join(SECONDS)
    start()
    catch_up(store, broker)
    found, whole = counted(store), fault_free(store, broker, tmp_path)
    figures["lost"], figures["doubled"] = max(counted(whole) - found, 0), max(found - counted(whole), 0)
    assert events_of(store) == events_of(whole)
    assert counted(whole) == len(load.ids)
    add_figures(request.config.getoption("--figures"), "stream worker", figures)


def fault_free(store: TileStore, broker: Broker, tmp_path: Path) -> TileStore:
    """A store into which the same messages are folded without a fault."""
    whole = open_tile_store(store.system, f"sqlite:///{tmp_path / 'whole.db'}")
    worker = StreamWorker(store.system, broker, whole)
    worker.drain()
    worker.close()
    return whole
