"""The services that both sides share, and the events that both read."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.kafka_records import Record
from ai_patterns.runtimes.kafka import Kafka
from ai_patterns.runtimes.redis import Redis

KEYS = 1_000
START = datetime(2013, 4, 1, 0, 0, 0, 500_000, tzinfo=UTC)
SPAN = timedelta(minutes=84)
_PEER_HOME = Path(".run/bench/quixstreams")
_PEER = ("quixstreams==3.28.1", "redis==8.1.0")


@dataclass(frozen=True)
class Stage:
    """What a side needs to run.

    Attributes:
        folder: for whatever is written.
        peer: Python of the peer's environment.
    """

    broker: Broker
    redis: str
    folder: Path
    peer: Path

    def fill(self, topic: str, events: int) -> None:
        """Make a topic that holds events of 84 minutes, each key's in order."""
        self.broker.create_topic(topic, 1)
        rng, step = random.Random(7), SPAN / events  # noqa: S311
        with self.broker.producer() as producer:
            for number in range(events):
                producer.send(topic, event(number, START + number * step, f"key-{rng.randrange(KEYS)}", rng))

    @contextmanager
    def stream(self, topic: str, rate: int) -> Iterator[None]:
        """Send `rate` events a second, of now, to a fresh topic for as long as the block lasts."""
        self.broker.create_topic(topic, 1)
        stop = threading.Event()
        thread = threading.Thread(target=self._send, args=(topic, rate, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _send(self, topic: str, rate: int, stop: threading.Event) -> None:
        rng, started, sent = random.Random(8), time.monotonic(), 0  # noqa: S311
        with self.broker.producer() as producer:
            while not stop.is_set():
                while sent < (time.monotonic() - started) * rate:
                    producer.send(topic, event(sent, datetime.now(UTC), f"key-{rng.randrange(KEYS)}", rng))
                    sent += 1
                time.sleep(0.005)


def event(number: int, happened: datetime, key: str, rng: random.Random) -> Record:
    """One event as both sides read it."""
    value, milliseconds = rng.randrange(-1_000, 1_000) / 4, int(happened.timestamp() * 1000)
    body = {
        "event_id": f"{key}/{number}",
        "happened": happened,
        "milliseconds": milliseconds,
        "click_key": key,
        "value": value,
        "high": value > 0,
    }
    return Record(msgspec.json.encode(body), key.encode(), timestamp_ms=milliseconds)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start Kafka and Redis, and make the peer's environment once."""
    python = _PEER_HOME / "bin" / "python"
    if not python.exists():
        subprocess.run([".uv/bin/uv", "venv", "--quiet", "--python", "3.11", str(_PEER_HOME)], check=True)  # noqa: S603
        install = [".uv/bin/uv", "pip", "install", "--quiet", "--python", str(python), *_PEER]
        subprocess.run(install, check=True)  # noqa: S603
    kafka, redis = Kafka(folder / "kafka"), Redis(folder / "redis")
    try:
        kafka.up()
        redis.up()
        yield Stage(Broker(kafka.address), redis.address, folder, python.absolute())
    finally:
        kafka.down()
        redis.down()
