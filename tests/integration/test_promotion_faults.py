"""Promotion as a transaction, on a real registry and a real ledger: crashes at every step, and racing promoters."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import append_promotion, read_promotions
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.clients.mlflow_connection import quiet_mlflow
from ai_patterns.core.ledger import TABLE, Promotion
from ai_patterns.errors import PromotionRejectedError, ServiceRejectedError
from ai_patterns.jobs.promotion import promote, reconcile, rollback
from ai_patterns.jobs.scoring import score
from ai_patterns.jobs.training import train
from ai_patterns.spec.system import SystemSpec
from crash_points import CrashError, Fuse, failing_kinds
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
            self.registry.set_alias(alias, version)

    def state(self) -> dict[str, Any]:
        lines = [(line.sequence, line.action, line.version, line.previous) for line in read_promotions(self.lake)]
        return {"lines": lines, **{name: self.registry.alias(name) for name in (CHAMPION, CHALLENGER)}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One trained version, registered again and again: versions of one skill."""
    folder = tmp_path_factory.mktemp("faults")
    system = orchard("classification")
    lake = Lake(str(folder / "lake"), system.name)
    registry = Registry(f"sqlite:///{folder}/mlflow/mlflow.db", system.name)
    fill(system, lake)
    run_id = train(system, lake, registry, DAYS).run_id
    client = quiet_mlflow().MlflowClient(registry.tracking_uri, registry_uri=registry.tracking_uri)
    for _ in range(RACERS + 1):
        client.create_model_version(system.name, f"runs:/{run_id}/model", run_id)
    return Site(system, lake, registry)


def failing(site: Site, fuse: Fuse) -> tuple[Lake, Registry]:
    """The same lake and registry in a process that may end before and after each of its calls."""

    kinds = failing_kinds(CALLS, fuse)
    lake = kinds[Lake](site.lake.uri, site.lake.system)
    return lake, kinds[Registry](site.registry.tracking_uri, site.registry.model_name)


def first(system: SystemSpec, lake: Lake, registry: Registry) -> object:
    return promote(system, lake, registry, 1, at=NOON, reason="first", request="run 1")


def second(system: SystemSpec, lake: Lake, registry: Registry) -> object:
    return promote(system, lake, registry, 2, at=NOON, reason="second", request="run 2")


def back(system: SystemSpec, lake: Lake, registry: Registry) -> object:
    return rollback(lake, registry, at=NOON, reason="complaints", request="run 3")


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
    assert min(outcomes.values()) > 0, outcomes
    add_figures(request.config.getoption("--figures"), f"crashes of {story}", {"crash_points": fuse.calls, **outcomes})


Ask = Callable[[Lake, Registry], object]


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


def test_of_fifty_racing_promoters_one_wins(site: Site) -> None:
    """All hold another version against the same champion; every refusal is in the ledger as well."""
    site.start(1)
    versions = range(2, RACERS + 2)

    def ask(version: int) -> Ask:
        return lambda lake, registry: promote(
            site.system, lake, registry, version, at=NOON, reason="race", request=f"run {version}", against=1
        )

    told = race(site, [ask(version) for version in versions])
    (winner,) = [line for line in told if isinstance(line, Promotion)]
    history = read_promotions(site.lake)
    assert [line.sequence for line in history] == [*range(1, RACERS + 2)]
    assert sorted(line.version for line in history[1:]) == [*versions]
    assert [line.version for line in history if line.action == "promoted"] == [1, winner.version]
    assert site.state()[CHAMPION] == winner.version
    late = [line for line in history if "the champion became version" in line.reason]
    assert len(late) == RACERS - 1


def test_racing_promotions_and_rollbacks_leave_one_order(site: Site) -> None:
    """Whatever the order, the ledger is a story that can be told from its start, and the alias is where it ends."""
    site.start(1, 2, 3)

    def ask(number: int) -> Ask:
        named = {"at": NOON, "reason": "race", "request": f"run {number}"}
        if number % 2:
            return lambda lake, registry: rollback(lake, registry, **named)
        return lambda lake, registry: promote(site.system, lake, registry, 4 + number, **named)

    told = race(site, [ask(number) for number in range(12)])
    history = read_promotions(site.lake)
    stack = [1, 2, 3]
    for line in history[3:]:
        assert line.previous == stack[-1]
        if line.action == "promoted":
            stack.append(line.version)
        elif line.action == "rolled_back":
            stack.pop()
            assert line.version == stack[-1]
    assert site.state()[CHAMPION] == stack[-1]
    changes = [line for line in history[3:] if line.action != "refused"]
    assert sorted(line.sequence for line in told if isinstance(line, Promotion)) == [line.sequence for line in changes]
    assert len(changes) >= 1


def test_of_one_request_asked_twenty_times_at_once_one_is_done(site: Site) -> None:
    """As a task that is thought dead and its next try."""
    site.start(1, 2, 3)
    told = race(site, [partial(back, site.system)] * 20)
    assert {line.sequence for line in told if isinstance(line, Promotion)} == {4}
    assert site.state()["lines"][3:] == [(4, "rolled_back", 2, 3)]
    assert site.state()[CHAMPION] == 2


def set_stage(site: Site, version: int, stage: str) -> None:
    """By hand: MLflow takes an alias away with its version, unless it was set while the version was being deleted."""
    with closing(sqlite3.connect(site.registry.tracking_uri.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE model_versions SET current_stage = ? WHERE version = ?", (stage, version))


@pytest.fixture
def deleted(site: Site) -> Iterator[int]:
    """A champion whose version is gone."""
    site.start(1, 2)
    set_stage(site, 2, "Deleted_Internal")
    yield 2
    set_stage(site, 2, "None")


def test_an_alias_that_points_at_nothing_is_told_with_its_remedy(site: Site, deleted: int) -> None:
    remedy = r"points to version 2, which is not there; run the DAG orchard__model_promotion, to promote .* roll back"
    with pytest.raises(ServiceRejectedError, match=remedy):
        site.registry.alias(CHAMPION)
    with pytest.raises(ServiceRejectedError, match=remedy):
        score(site.system, site.lake, site.registry, DAYS)


def test_a_rollback_leaves_a_champion_that_is_gone(site: Site, deleted: int) -> None:
    assert reconcile(site.lake, site.registry)[-1].version == deleted
    back(site.system, site.lake, site.registry)
    assert site.state()[CHAMPION] == 1


def test_a_promotion_leaves_a_champion_that_is_gone(site: Site, deleted: int) -> None:
    line = promote(site.system, site.lake, site.registry, 3, at=NOON, reason="repair")
    assert "the champion cannot be compared with: version 2 is not in the registry" in str(line.evidence)
    assert site.state()[CHAMPION] == 3


def test_nobody_rolls_back_to_a_version_that_is_gone(site: Site, deleted: int) -> None:
    site.start(1, 2, 3)
    with pytest.raises(PromotionRejectedError, match="version 2, the champion before, is no longer in the registry"):
        back(site.system, site.lake, site.registry)
    assert site.state()[CHAMPION] == 3
    assert len(site.state()["lines"]) == 3


def test_a_version_that_never_was_is_refused_with_those_that_are(site: Site) -> None:
    with pytest.raises(ServiceRejectedError, match=r"has no version 999 .* its versions are: 1, 2,"):
        promote(site.system, site.lake, site.registry, 999, at=NOON, reason="typo")
