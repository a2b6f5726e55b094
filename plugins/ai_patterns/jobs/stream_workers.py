"""Stream workers on one machine: each folds a share of the partitions, and each partition has one worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.rollout import Rollout, Wanted
from ai_patterns.runtimes.replica import Replica

LAG = "ai_patterns_stream_lag_messages"

Share = tuple[int, int]
"""A worker's number, from 0, of how many."""


def deploy_workers(home: Path, wanted: Callable[[Share], Wanted], count: int) -> dict[str, int]:
    """Bring the workers to `count` of what is wanted; how many run, were started and were stopped.

    Where their number changes, those of the old one end first: the shares of two numbers overlap, and of two workers
    with one partition the store refuses the older. What comes in meanwhile waits in the topic.

    Args:
        home: the service's folder; each share has one in it.
        wanted: a worker as it should run, by its share.
        count: how many workers.

    Raises:
        ServiceUnavailableError: a worker did not become ready.
    """
    shares = [(number, count) for number in range(count)]
    done: Counter[str] = Counter(started=0, stopped=0)
    for share in sorted(_present(home) - set(shares)):
        done.update(Rollout(_folder(home, share), replace(wanted(share), replicas=0), None).run())
    for share in shares:
        done.update(Rollout(_folder(home, share), wanted(share), None).run())
    return {"replicas": count, "started": done["started"], "stopped": done["stopped"]}


def waiting_messages(home: Path, wanted: Callable[[Share], Wanted]) -> float:
    """Messages that wait to be folded, as the running workers tell.

    Raises:
        ServiceUnavailableError: a worker does not tell.
    """
    return sum(_lag(replica) for share in _present(home) for replica in _running(home, wanted, share))


def _running(home: Path, wanted: Callable[[Share], Wanted], share: Share) -> Iterator[Replica]:
    yield from Rollout(_folder(home, share), wanted(share), None).running().values()


def _lag(replica: Replica) -> float:
    try:
        lines = httpx.get(f"{replica.url}/metrics", timeout=30).raise_for_status().text.splitlines()
    except httpx.HTTPError as error:
        raise ServiceUnavailableError(f"the stream worker {replica.url} does not tell its lag: {error}") from error
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{LAG}{{"))


def _folder(home: Path, share: Share) -> Path:
    return home / f"{share[0]}-of-{share[1]}"


def _present(home: Path) -> set[Share]:
    """The shares that have a folder."""
    found = (folder.name.partition("-of-") for folder in home.glob("*-of-*"))
    return {(int(number), int(count)) for number, _, count in found}
