"""A service is replaced replica by replica; no request is lost, and nothing is half done for long.

What runs is the record: each replica's folder says as what it was started, the system's process table whether it
lives. So a rollout that died is taken up by the next one, which brings the service to what is wanted from wherever it
stands. A new replica gets requests once it is ready and keeps the contract; an old one is then drained and stopped.
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ai_patterns.core.load_balancing import SLOTS, places
from ai_patterns.errors import AIPatternsError, SpecError
from ai_patterns.runtimes.haproxy import HAProxy
from ai_patterns.runtimes.replica import Replica

DRAIN_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """A service as it should run.

    Attributes:
        service: its name.
        command: what runs a replica; `--port` is added.
        environment: what a replica finds in its environment.
        ready: path at which it answers 200 while it can serve.
        generation: what distinguishes this from what runs; equal ones are left alone.
        replicas: how many.
    """

    service: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: str
    generation: str
    replicas: int = 1


class Rollout:
    """Brings one service to what is wanted.

    Args:
        home: the service's folder.
        wanted: what is wanted.
        balancer: what sends requests to the replicas; None for a service that takes none, such as a stream worker.
        accept: raises where a new replica, given its address, must not serve.
    """

    def __init__(
        self, home: Path, wanted: Wanted, balancer: HAProxy | None, accept: Callable[[str], None] = lambda _: None
    ) -> None:
        if not 0 <= wanted.replicas < SLOTS:
            raise SpecError(f"{wanted.service} can have 0 to {SLOTS - 1} replicas, not {wanted.replicas}")
        self._home, self._wanted, self._balancer, self._accept = home, wanted, balancer, accept

    def run(self) -> dict[str, int]:
        """Start what is missing and stop what is not wanted; how many replicas run, were started and were stopped.

        Raises:
            GateFailedError: a new replica breaks the contract. What served before goes on.
            ServiceUnavailableError: a new replica did not become ready. What served before goes on.
        """
        with self._alone():
            old, new = self._old(), self._new()
            started = stopped = 0
            while len(new) < self._wanted.replicas:
                new.append(self._start(next(place for place in places() if place not in {*old, *new})))
                started += 1
                stopped += self._retire(old[:1])
                old = old[1:]
            stopped += self._retire([*old, *new[self._wanted.replicas :]])
        return {"replicas": self._wanted.replicas, "started": started, "stopped": stopped}

    def running(self) -> dict[str, Replica]:
        """The replicas that live, by place."""
        found = {place: self._replica(place) for place in places()}
        return {place: replica for place, replica in found.items() if replica.groups}

    def _old(self) -> list[str]:
        """Places of another generation; one that can serve does so, also where a rollout had drained it and died."""
        found = [place for place, replica in self.running().items() if replica.generation != self._wanted.generation]
        for place in found:
            if self._replica(place).answers():
                self._send_to(place)
        return found

    def _new(self) -> list[str]:
        """Places of this generation, all of which serve; one that a rollout left half started is awaited."""
        found = [place for place, replica in self.running().items() if replica.generation == self._wanted.generation]
        for place in found:
            self._admit(place)
        return found

    def _start(self, place: str) -> str:
        log.info("%s: starting %s in place %s", self._wanted.service, self._wanted.generation, place)
        self._admit(place)
        return place

    def _admit(self, place: str) -> None:
        replica = self._replica(place)
        try:
            replica.start(self._wanted.generation)
            self._accept(replica.url)
        except AIPatternsError:
            self._stop(place)
            raise
        self._send_to(place)

    def _retire(self, leaving: Sequence[str]) -> int:
        for place in leaving:
            log.info("%s: draining place %s", self._wanted.service, place)
            if self._balancer is not None:
                self._balancer.drain(self._wanted.service, place)
                self._await_idle(self._balancer, place)
            self._stop(place)
        return len(leaving)

    def _await_idle(self, balancer: HAProxy, place: str) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        while balancer.traffic()[self._wanted.service, place].active and time.monotonic() < deadline:
            time.sleep(0.05)

    def _stop(self, place: str) -> None:
        if self._balancer is not None:
            self._balancer.take_out(self._wanted.service, place)
        self._replica(place).down()

    def _send_to(self, place: str) -> None:
        port = self._replica(place).port
        if self._balancer is not None and port is not None:
            self._balancer.send_to(self._wanted.service, place, port)

    def _replica(self, place: str) -> Replica:
        wanted = self._wanted
        return Replica(self._home / place, wanted.command, wanted.environment, wanted.ready)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One rollout of a service at a time; the system frees the lock of a killed one."""
        self._home.mkdir(parents=True, exist_ok=True)
        with (self._home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
