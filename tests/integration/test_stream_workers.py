"""Several stream workers are deployed on one topic: each event is folded once, and their number follows the lag."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.kafka_records import Record
from ai_patterns.core.scaling import ScalingRule
from ai_patterns.jobs import scaling
from ai_patterns.jobs.microservices import WORKER, Places, deploy, stop
from ai_patterns.jobs.scaling import scale
from ai_patterns.runtimes.replica import Replica
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec
from server_process import wait_until

FOLDED = 'ai_patterns_stream_folded_events_total{stream="events"}'
LAG = 'ai_patterns_stream_lag_messages{stream="events"}'
BODY = {"happened": "2013-04-01T12:00:00Z", "milliseconds": 1, "click_key": "k", "value": 1.0, "high": True}


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    places: Places
    home: Path
    topic: str

    def send(self, first: int, count: int) -> None:
        with Broker(self.places.kafka).producer() as producer:
            for number in range(first, first + count):
                event = msgspec.json.encode({**BODY, "event_id": f"e{number}", "click_key": f"k{number % 7}"})
                producer.send(self.topic, Record(event, f"e{number}".encode()))

    def folded(self) -> list[float]:
        """By worker: the events that it has folded since its start."""
        return self._told(FOLDED)

    def waiting(self) -> float:
        return sum(self._told(LAG))

    def _told(self, name: str) -> list[float]:
        folders = (self.home / ".run" / "services" / "clicks" / WORKER).glob("*-of-*/r*")
        running = [replica for folder in folders if (replica := Replica(folder, (), {}, "/health")).groups]
        texts = [httpx.get(f"{replica.url}/metrics", timeout=30).text for replica in running]
        counts = [[line for line in text.splitlines() if line.startswith(name)] for text in texts]
        return [float(lines[0].split()[-1]) if lines else 0.0 for lines in counts]


@pytest.fixture(scope="module")
def site(repository: Path, kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home, topic = tmp_path_factory.mktemp("workers"), f"clicks-{uuid.uuid4().hex[:8]}"
    folder = home / "systems" / "clicks"
    shutil.copytree(repository / "benchmarks/systems/clicks", folder)
    text = (folder / "system.yaml").read_text("utf-8")
    (folder / "system.yaml").write_text(text.replace("topic: clicks", f"topic: {topic}"), "utf-8")
    Broker(kafka.address).create_topic(topic, partitions=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AI_PATTERNS_HOME", str(home))
        patch.setattr(scaling, "_LOOK_SECONDS", 0.2)
        system = load_system(folder)
        places = Places(str(home / "lake"), f"sqlite:///{home}/mlflow.db", home / "feast", kafka.address)
        (home / "feast" / "clicks").mkdir(parents=True)
        try:
            yield Site(system, places, home, topic)
        finally:
            stop(system, places)


def test_two_workers_share_the_partitions(site: Site) -> None:
    assert deploy(site.system, site.places, WORKER, replicas=2) == {"replicas": 2, "started": 2, "stopped": 0}
    assert deploy(site.system, site.places, WORKER)["started"] == 0
    site.send(0, 1000)
    wait_until(lambda: sum(site.folded()) == 1000, 120, lambda: str(site.folded()))
    assert all(site.folded()), "both have work"


def test_their_number_follows_what_waits(site: Site) -> None:
    idle = scale(site.system, site.places, WORKER, ScalingRule(high=100, low=10))
    assert idle == {"messages": 0, "replicas": 1, "before": 2}
    site.send(1000, 500)
    wait_until(lambda: site.folded() == [500], 120, lambda: str(site.folded()))
    deploy(site.system, site.places, WORKER, replicas=0)
    site.send(1500, 300_000)
    deploy(site.system, site.places, WORKER, replicas=1)
    wait_until(lambda: site.waiting() > 0, 120)
    busy = scale(site.system, site.places, WORKER, ScalingRule(high=100, low=10, most=2))
    assert (busy["before"], busy["replicas"]) == (1, 2)
    wait_until(lambda: len(site.folded()) == 2 and site.waiting() == 0, 120)
