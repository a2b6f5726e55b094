"""The services' image is built and run as real containers: no root, nothing written, an answer, a graceful end."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.kafka_records import Record
from demo.standalone import free_ports
from inference_site import KEY, Site, site
from podman import PYTHON, UV, Podman, import_base, require_containers
from server_process import wait_until

__all__ = ["site"]

IMAGE, SYSTEMS, USER = "localhost/services:test", "/app/include/systems", 50000
# name -> what is run, the variable of its port
SERVICES = {
    "features": (["ai_patterns.services.features"], "AI_PATTERNS_FEATURES_PORT"),
    "inference": (["ai_patterns.services.inference"], "AI_PATTERNS_PORT"),
    "feedback": (["ai_patterns.cli", "feedback", "bakery"], "AI_PATTERNS_FEEDBACK_PORT"),
    "stream_worker": (["ai_patterns.services.stream_worker"], "AI_PATTERNS_PORT"),
}
HARDENED = ("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--memory", "2g")
ROW = {"order_id": 1, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": 0.5, "gift": False}
SECONDS = 600


@pytest.fixture(scope="module")
def podman(repository: Path, require_program) -> Iterator[Podman]:
    """Podman with the image built from the repository; packages come from uv's cache, or over the network."""
    for program in ("podman", "runc"):
        require_program(program)
    uv = repository / ".uv" / "bin" / "uv"
    with tempfile.TemporaryDirectory(prefix="ai-patterns-containers-", ignore_cleanup_errors=True) as home:
        podman = Podman(Path(home))
        try:
            import_base(podman, Path(home) / "base", uv)
            require_containers(podman)
            cache = subprocess.run([uv, "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()
            bases = [f"--build-arg={name}={image}" for name, image in (("BASE", PYTHON), ("UV", UV))]
            podman.build(
                IMAGE, repository / "include/docker/service.Dockerfile", repository, *bases, f"--volume={cache}:/tmp/uv"
            )
            yield podman
        finally:
            podman.close()


@dataclass(frozen=True)
class Container:
    podman: Podman
    name: str
    url: str

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=20).status_code == 200
        except httpx.TransportError:
            assert self.podman.state(self.name)["Running"], self.podman.call("logs", self.name)
            return False

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = httpx.post(self.url + path, json=body, headers={"X-API-Key": KEY}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def topic(repository: Path, kafka, tmp_path_factory: pytest.TempPathFactory) -> tuple[Broker, str, Path]:
    """A fresh topic, and the folder of the system whose events it carries."""
    broker, topic, folder = Broker(kafka.address), f"clicks-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("clicks")
    shutil.copytree(repository / "benchmarks/systems/clicks", folder, dirs_exist_ok=True)
    text = (folder / "system.yaml").read_text("utf-8")
    (folder / "system.yaml").write_text(text.replace("topic: clicks", f"topic: {topic}"), "utf-8")
    broker.create_topic(topic)
    return broker, topic, folder


@pytest.fixture(scope="module")
def containers(podman: Podman, site: Site, topic, repository: Path) -> dict[str, Container]:
    """All four, healthy, on the network and the data of this machine."""
    broker, _, clicks = topic
    (site.folder / "tiles").mkdir()
    subprocess.run(["chmod", "-R", "a+rwX", site.folder, clicks], check=True)
    mounts = [f"{site.folder}:{site.folder}", f"{repository}/tests/systems:{SYSTEMS}:ro", f"{clicks}:/clicks:ro"]
    variables = {
        "AI_PATTERNS_SYSTEM_FOLDER": f"{SYSTEMS}/bakery",
        "AI_PATTERNS_LAKE": site.lake.uri,
        "AI_PATTERNS_TRACKING_URI": site.registry.tracking_uri,
        "AI_PATTERNS_FEATURE_REPO": str(site.folder / "feast"),
        "AI_PATTERNS_HOST": "127.0.0.1",
        "AI_PATTERNS_API_KEY": KEY,
        "AI_PATTERNS_WRITE_KEYS": f"shop={KEY}",
    }
    of_worker = {
        "AI_PATTERNS_SYSTEM_FOLDER": "/clicks",
        "AI_PATTERNS_KAFKA": broker.servers,
        "AI_PATTERNS_TILES": f"sqlite:///{site.folder}/tiles/tiles.db",
    }
    started = {}
    for (name, (command, variable)), port in zip(SERVICES.items(), free_ports(len(SERVICES)), strict=True):
        mine = {**variables, **(of_worker if name == "stream_worker" else {}), variable: str(port)}
        told = [f"--env={key}={value}" for key, value in mine.items()] + [f"--volume={mount}" for mount in mounts]
        podman.call("run", "--detach", "--name", name, "--network", "host", *HARDENED, *told, IMAGE, *command)
        started[name] = Container(podman, name, f"http://127.0.0.1:{port}")
    for container in started.values():
        wait_until(container.answers, SECONDS)
    return started


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_rights_and_writes_nothing(podman: Podman, containers, name: str) -> None:
    status = Path(f"/proc/{podman.state(name)['Pid']}/status").read_text("utf-8")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert set(facts["Uid"].split()) == {str(USER)}
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    written = podman.try_call("exec", name, "python", "-c", "open('/app/plugins/new', 'w')")
    assert "Read-only file system" in written.stderr


def test_the_image_is_slim(podman: Podman) -> None:
    listed = podman.call("run", "--rm", "--network", "host", "--entrypoint", "python", IMAGE, "-c", FOUND)
    assert listed == "[]"


FOUND = (
    "from importlib.util import find_spec; print([n for n in ('airflow', 'pyspark', 'sklearn', 'pip') if find_spec(n)])"
)


def test_features_are_read(containers) -> None:
    asked = {"features": ["shop_now:bakes_1h", "shop_now:minutes_3h"], "entities": {"shop": [1, 2]}}
    answer = containers["features"].post("/get-online-features", asked)
    assert [len(column["values"]) for column in answer["results"]] == [2, 2, 2]


def test_a_prediction_is_answered_logged_and_labelled(podman: Podman, containers, site: Site) -> None:
    asked = {"dataframe_records": [ROW], "params": {"decided_at": "2024-01-03T13:00:00Z"}}
    (prediction,) = containers["inference"].post("/invocations", asked)["prediction_ids"]
    stop(podman, "inference")
    assert site.lake.read("predictions")["prediction_id"].to_pylist() == [prediction], "its log is emptied at the end"
    labels = {"labels": [{"prediction_id": prediction, "label": 7.5}]}
    assert containers["feedback"].post("/labels", labels) == {"landed": 1, "corrected": 0, "repeated": 0, "refused": []}


def test_events_are_folded(containers, topic) -> None:
    broker, name, _ = topic
    body = {"event_id": "e1", "happened": "2013-04-01T12:00:00Z", "milliseconds": 1, "click_key": "k", "value": 1.0}
    with broker.producer() as producer:
        producer.send(name, Record(msgspec.json.encode({**body, "high": True}), b"e1"))
    metrics = f"{containers['stream_worker'].url}/metrics"
    folded = 'ai_patterns_stream_folded_events_total{stream="events"} 1.0'
    wait_until(lambda: folded in httpx.get(metrics, timeout=20).text, SECONDS)


@pytest.mark.parametrize("name", ["features", "feedback", "stream_worker"])
def test_a_container_stops_gracefully(podman: Podman, containers, name: str) -> None:
    stop(podman, name)


def stop(podman: Podman, name: str) -> None:
    """SIGTERM, as Kubernetes sends it; it must end by itself, and well."""
    podman.call("stop", "--time", "60", name, seconds=90)
    assert podman.state(name)["ExitCode"] == 0, podman.call("logs", name)
