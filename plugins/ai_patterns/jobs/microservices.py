"""A system's services on one machine: deployed behind a balancer, held to their contracts, scaled by their traffic."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from ai_patterns import __version__
from ai_patterns.clients.home import Home
from ai_patterns.core.contracts import breaking_changes
from ai_patterns.errors import ContractError, ServiceUnavailableError, SpecError
from ai_patterns.jobs.rollout import Rollout, Wanted
from ai_patterns.jobs.stream_workers import Share, deploy_workers
from ai_patterns.runtimes.artefacts import artefact
from ai_patterns.runtimes.haproxy import HAProxy
from ai_patterns.spec.system import SystemSpec

FRONTED = {"features": "/ready", "inference": "/ready", "feedback": "/ready"}
"""Services that are called, and where a replica says that it is ready."""

WORKER, INFERENCE = "stream_worker", "inference"
_COMMANDS = {"features": "features", "inference": "serve", "feedback": "feedback", WORKER: "stream"}


@dataclass(frozen=True)
class Places:
    """What the services read and write.

    Attributes:
        lake: URI of the lake.
        tracking: MLflow's tracking URI.
        features: folder that holds one Feast repository a system.
        kafka: a server of the cluster; empty where there is none.
    """

    lake: str
    tracking: str
    features: Path
    kafka: str = ""

    def environment(self, system: SystemSpec) -> dict[str, str]:
        """The environment of the commands that run the services; secrets come from the deployer's own alone."""
        return {
            "AI_PATTERNS_HOME": str(Home.from_environment().made.parent),
            "AI_PATTERNS_SYSTEMS": str(system.folder.absolute().parent),
            "AI_PATTERNS_LAKE": self.lake,
            "AI_PATTERNS_TRACKING_URI": self.tracking,
            "AI_PATTERNS_FEAST": str(self.features.absolute()),
        }


def services_of(system: SystemSpec) -> tuple[str, ...]:
    """The services of a system; a stream worker where a stream has a topic."""
    streamed = any(stream.topic is not None for stream in system.streams.values())
    return (*FRONTED, WORKER) if streamed else tuple(FRONTED)


def uses_kafka(system: SystemSpec, service: str) -> bool:
    """Whether a service reads a topic or writes to one."""
    return service == WORKER or (service == INFERENCE and system.decision.topic is not None)


def balancer(system: SystemSpec) -> HAProxy:
    """What stands before the system's services on this machine."""
    return HAProxy(home_of(system) / HAProxy.name, FRONTED)


def deploy(
    system: SystemSpec, places: Places, service: str, *, replicas: int | None = None, restart: str = ""
) -> dict[str, int]:
    """Bring a service to what the installation says, without losing a request; what is so already is left alone.

    Args:
        system: the system.
        places: what its services read and write.
        service: one of `services_of`.
        replicas: how many; by default as many as were wanted before, and one at first.
        restart: a word that was not used before replaces every replica, changed or not; the same word again does not.

    Returns:
        The replicas that run, and how many were started and stopped.

    Raises:
        ContractError: a new replica breaks the service's contract. What served before goes on.
        ServiceUnavailableError: a new replica did not become ready. What served before goes on.
        MissingProgramError: HAProxy is not installed.
        SpecError: the system has no such service.
    """
    if service not in services_of(system):
        raise SpecError(f"{system.name!r} has no service {service!r}; it has {', '.join(services_of(system))}")
    home = home_of(system) / service
    count = replicas if replicas is not None else wanted_replicas(system, service)
    word = _word(home, restart)
    if service == WORKER:
        done = deploy_workers(home, partial(worker, system, places, word), count)
    else:
        front = balancer(system)
        front.up()
        wanted = replica(system, places, service, count, word)
        done = Rollout(home, wanted, front, lambda url: require_contract(service, url)).run()
    (home / "replicas").write_text(str(count), "utf-8")
    return done


def stop(system: SystemSpec, places: Places) -> None:
    """Drain and stop every service of a system, and what stands before them."""
    for service in services_of(system):
        if (home_of(system) / service).exists():
            deploy(system, places, service, replicas=0)
    balancer(system).down()


def require_contract(service: str, url: str) -> None:
    """Hold what a replica offers against the contract that is kept in `include/contracts`.

    Raises:
        ContractError: a client of the contract would miss something.
        ServiceUnavailableError: the replica does not tell.
    """
    problems = breaking_changes(kept_contract(service), _offered(url))
    if problems:
        raise ContractError(f"{service} at {url} breaks its contract: {'; '.join(problems)}", service)


def check_contracts(system: SystemSpec) -> dict[str, list[str]]:
    """By service, what clients of the running replicas would miss once the kept contract holds."""
    found: dict[str, list[str]] = {}
    for service, ready in FRONTED.items():
        kept, rollout = (
            kept_contract(service),
            Rollout(home_of(system) / service, Wanted(service, (), {}, ready, ""), None),
        )
        serving = [each for each in rollout.running().values() if each.answers()]
        missed = {problem for each in serving for problem in breaking_changes(_offered(each.url), kept)}
        found[service] = sorted(missed)
    return found


def kept_contract(service: str) -> Mapping[str, object]:
    """The OpenAPI document that clients may rely on."""
    document: dict[str, object] = json.loads(artefact(f"contracts/{service}.json").read_text("utf-8"))
    return document


def wanted_replicas(system: SystemSpec, service: str) -> int:
    """How many replicas were wanted last; one before the first deployment."""
    file = home_of(system) / service / "replicas"
    return max(1, int(file.read_text("utf-8"))) if file.exists() else 1


def replica(system: SystemSpec, places: Places, service: str, count: int, restart: str) -> Wanted:
    """One of `count` replicas of a service that is called, as it should run."""
    broker = ("--kafka", places.kafka) if places.kafka and uses_kafka(system, service) else ()
    return _wanted(system, places, service, count, restart, *broker)


def worker(system: SystemSpec, places: Places, restart: str, share: Share) -> Wanted:
    """A stream worker with a share of the partitions, as it should run."""
    number, count = share
    return _wanted(system, places, WORKER, 1, restart, "--servers", places.kafka, "--share", f"{number}/{count}")


def _wanted(system: SystemSpec, places: Places, service: str, replicas: int, restart: str, *arguments: str) -> Wanted:
    command = [sys.executable, "-m", "ai_patterns.cli", _COMMANDS[service], system.name, *arguments]
    environment, ready = places.environment(system), FRONTED.get(service, "/health")
    settings = {name: value for name, value in os.environ.items() if name.startswith("AI_PATTERNS_")}
    what = hashlib.sha256(json.dumps([__version__, command, environment, settings], sort_keys=True).encode())
    for file in sorted(path for path in system.folder.rglob("*") if path.suffix in {".yaml", ".sql"}):
        what.update(file.read_bytes())
    generation = f"{what.hexdigest()[:12]}.{hashlib.sha256(restart.encode()).hexdigest()[:6]}"
    return Wanted(service, tuple(command), environment, ready, generation, replicas)


def _word(home: Path, restart: str) -> str:
    """The newest word of a restart, which later deployments keep."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "restart"
    if restart:
        file.write_text(restart, "utf-8")
    return file.read_text("utf-8") if file.exists() else ""


def _offered(url: str) -> Mapping[str, object]:
    try:
        response = httpx.get(f"{url}/openapi.json", timeout=30)
        response.raise_for_status()
        document: dict[str, object] = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ServiceUnavailableError(f"{url}/openapi.json does not tell the service's contract: {error}") from error
    return document


def home_of(system: SystemSpec) -> Path:
    """The folder of a system's services."""
    return Home.from_environment().made / "services" / system.name
