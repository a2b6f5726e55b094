"""Promotion as a transaction, on a real registry and a real ledger: crashes at every step, and racing promoters."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import append_promotion, read_promotions
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.core.ledger import TABLE, Promotion, champion
from ai_patterns.errors import PromotionRejectedError, ServiceRejectedError, ServiceUnavailableError
from ai_patterns.jobs.promotion import promote, reconcile, rollback
from ai_patterns.jobs.scoring import score
from ai_patterns.jobs.training import train
from ai_patterns.spec.system import SystemSpec
from crash_points import CrashError, Fuse
from orchard import DAYS, NOON, fill, orchard
from soak_figures import add_figures

RACERS = 50
CALLS = {Lake: ("exists", "open", "create", "read", "append_fenced"), Registry: ("alias", "has_version", "set_alias")}
"""Calls before, within and after which a process ends: all that the ledger and the aliases see."""


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    lake: Lake
    registry: Registry

    def start(self, *champions: int, challenger: int | None = None) -> None:
        """As if these versions had been promoted one after the other, and nothing else had happened."""
        shutil.rmtree(self.lake.path(TABLE), ignore_errors=True)
        for version in champions:
            append_promotion(self.lake, Promotion(0, NOON, "promoted", version, None, "given"), lambda _: True)
        for alias, version in ((CHAMPION, champions[-1] if champions else None), (CHALLENGER, challenger)):
            if self.registry.alias(alias) != version:
                self.registry.set_alias(alias, version)

    def state(self) -> dict[str, Any]:
        lines = [(line.sequence, line.action, line.version, line.previous) for line in read_promotions(self.lake)]
        return {"lines": lines, **{name: self.registry.alias(name) for name in (CHAMPION, CHALLENGER)}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two versions of one skill."""
    folder = tmp_path_factory.mktemp("faults")
    system = orchard("classification")
    lake = Lake(str(folder / "lake"), system.name)
    registry = Registry(f"sqlite:///{folder}/mlflow/mlflow.db", system.name)
    fill(system, lake)
    for _ in range(2):
        train(system, lake, registry, DAYS)
    return Site(system, lake, registry)


def failing(site: Site, fuse: Fuse) -> tuple[Lake, Registry]:
    """The same lake and registry in a process that may end before and after each of its calls."""

    def burning(kind: type, name: str) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **named: Any) -> Any:
            fuse.burn()
            result = getattr(super(type(self), self), name)(*arguments, **named)
            fuse.burn()
            return result

        return call

    kinds = {kind: type(kind.__name__, (kind,), {name: burning(kind, name) for name in CALLS[kind]}) for kind in CALLS}
    lake = kinds[Lake](site.lake.uri, site.lake.system)
    return lake, kinds[Registry](site.registry.tracking_uri, site.registry.model_name)


Ask = Callable[[Lake, Registry], object]


def first(system: SystemSpec, lake: Lake, registry: Registry) -> object:
    return promote(system, lake, registry, 1, at=NOON, reason="first", request="run 1")


def second(system: SystemSpec, lake: Lake, registry: Registry) -> object:
    return promote(system, lake, registry, 2, at=NOON, reason="second", request="run 2")


def back(system: SystemSpec, lake: Lake, registry: Registry) -> object:
    return rollback(system, lake, registry, at=NOON, reason="complaints", request="run 3")


STORIES: dict[str, tuple[tuple[int, ...], int | None, Callable[[SystemSpec, Lake, Registry], object]]] = {
    "the first promotion": ((), 1, first),
    "a promotion": ((1,), 2, second),
    "a rollback": ((1, 2), None, back),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_moment_is_resumed_or_undone(site: Site, story: str, request: pytest.FixtureRequest) -> None:
    """Whoever comes next finds all of it or nothing; the same request, asked again, does it once."""
    champions, challenger, step = STORIES[story]
    ask = partial(step, site.system)
    site.start(*champions, challenger=challenger)
    before, fuse = site.state(), Fuse(0)
    ask(*failing(site, fuse))
    after = site.state()
    assert len(after["lines"]) == len(before["lines"]) + 1
    outcomes = {"undone": 0, "resumed": 0}
    for fatal in range(1, fuse.calls + 1):
        site.start(*champions, challenger=challenger)
        with pytest.raises(CrashError):
            ask(*failing(site, Fuse(fatal)))
        reconcile(site.lake, site.registry)  # a stranger's call
        found = site.state()
        assert found in (before, after), f"call {fatal} of {fuse.calls}"
        outcomes["resumed" if found == after else "undone"] += 1
        ask(site.lake, site.registry)
        assert site.state() == after, f"call {fatal} of {fuse.calls}, asked again"
    assert min(outcomes.values()) > 0
    add_figures(request.config.getoption("--figures"), f"crashes of {story}", {"crash_points": fuse.calls, **outcomes})


def race(site: Site, asks: list[Ask]) -> list[object]:
    """Every asker at the same instant, each with connections of its own; what each was told."""
    barrier = threading.Barrier(len(asks))

    def run(ask: Ask) -> object:
        lake, registry = Lake(site.lake.uri, site.lake.system), Registry(site.registry.tracking_uri, site.system.name)
        barrier.wait()
        try:
            return ask(lake, registry)
        except PromotionRejectedError as error:
            return error

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(run, asks))
