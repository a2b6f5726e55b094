"""A deployer that dies between any two steps of a rollout, on a real registry and real ledgers."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import append_promotion, read_promotions
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, ROLLOUT, Registry
from ai_patterns.clients.rollout_ledger import read_rollouts
from ai_patterns.core import ledger, model_rollout
from ai_patterns.core.ledger import Promotion
from ai_patterns.core.model_rollout import RolloutLine, routing
from ai_patterns.core.rollout_counts import LAYOUT, SIZE, Counts
from ai_patterns.core.routing import Routing
from ai_patterns.errors import PromotionRejectedError
from ai_patterns.jobs.model_rollout import advance, begin, end
from ai_patterns.jobs.rollout_state import reconcile
from crash_points import CrashError, Fuse, failing_kinds
from model_rollout_site import Site, challenge, make_site, now
from orchard import NOON
from soak_figures import add_figures

CALLS = {
    Lake: ("exists", "open", "create", "read", "append_fenced"),
    Registry: ("alias", "has_version", "set_alias", "tag", "set_tag"),
}
"""Calls before, within and after which a deployer ends: all that ledgers, aliases and the servers' record see."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = make_site(tmp_path_factory.mktemp("faults"))
    assert challenge(site) == 2
    return site


def counts(*, errors: int) -> Counts:
    """As servers tell them after 500 requests of each version."""
    vector = np.zeros(SIZE, np.int64)
    for role in ("champion", "challenger"):
        vector[LAYOUT[f"{role}.requests"].start] = 500
        vector[LAYOUT[f"{role}.latency"].start + 10] = 500
    vector[LAYOUT["challenger.errors"].start], vector[LAYOUT["pairs"].start] = errors, 500
    return Counts.from_vector(vector)


def clean(site: Site) -> None:
    """As if version 1 had been promoted, and nothing else had happened."""
    for table in (ledger.TABLE, model_rollout.TABLE):
        shutil.rmtree(site.lake.path(table), ignore_errors=True)
    append_promotion(site.lake, Promotion(0, NOON, "promoted", 1, None, "given"), lambda _: True)
    site.registry.set_alias(CHAMPION, 1)
    site.registry.set_alias(CHALLENGER, 2)
    site.registry.set_tag(ROLLOUT, "")


def state(site: Site) -> dict[str, Any]:
    return {
        "rollouts": [(line.sequence, line.action, line.step, line.share) for line in read_rollouts(site.lake)],
        "promotions": [(line.action, line.version, line.previous) for line in read_promotions(site.lake)],
        "champion": site.registry.alias(CHAMPION),
        "routed": site.registry.tag(ROLLOUT),
    }


def failing(site: Site, fuse: Fuse) -> tuple[Lake, Registry]:
    """The same lake and registry in a process that may end before and after each of its calls."""

    kinds = failing_kinds(CALLS, fuse)
    lake, registry = site.lake, site.registry
    return kinds[Lake](lake.uri, lake.system), kinds[Registry](registry.tracking_uri, registry.model_name)


def run(site: Site, lake: Lake, registry: Registry, told: Counts) -> RolloutLine:
    """A deployer from wherever the rollout stands to its end."""
    begin(site.system, lake, registry, 2, at=now(), reason="test", request="run 1")
    line = advance(site.system, lake, registry, lambda _: told, "run 1", at=now())
    assert not line.running
    return line


def require_nothing_half(site: Site) -> None:
    """Servers may know less than the ledger, never more; and no version is the champion that was not promoted."""
    history = read_rollouts(site.lake)
    text = site.registry.tag(ROLLOUT)
    if text is not None:
        known = Routing.from_text(text)
        assert known == routing(site.system.rollout, [line for line in history if line.sequence <= known.sequence])
    if site.registry.alias(CHAMPION) == 2:
        assert [line.version for line in read_promotions(site.lake)] == [1, 2]


@pytest.mark.parametrize(
    ("story", "errors", "last"), [("a good version", 0, "promoted"), ("a harmful version", 300, "rolled_back")]
)
def test_a_crash_at_any_moment_is_taken_up(
    site: Site, story: str, errors: int, last: str, request: pytest.FixtureRequest
) -> None:
    clean(site)
    told, fuse = counts(errors=errors), Fuse(0)
    assert run(site, *failing(site, fuse), told).action == last
    after = state(site)
    assert after["routed"] is None
    every = request.config.getoption("--crash-points") >= 1000
    points = range(1, fuse.calls + 1, 1 if every else max(1, fuse.calls // 8))
    for fatal in points:
        clean(site)
        with pytest.raises(CrashError):
            run(site, *failing(site, Fuse(fatal)), told)
        require_nothing_half(site)
        reconcile(site.system.rollout, site.lake, site.registry)  # a stranger's call
        require_nothing_half(site)
        run(site, site.lake, site.registry, told)
        assert state(site) == after, f"call {fatal} of {fuse.calls}"
    add_figures(request.config.getoption("--figures"), f"rollout crashes of {story}", {"crash_points": len(points)})


def test_a_champion_that_changes_meanwhile_ends_the_rollout(site: Site) -> None:
    clean(site)
    begin(site.system, site.lake, site.registry, 2, at=now(), reason="test", request="run 1")
    append_promotion(site.lake, Promotion(0, NOON, "promoted", 2, 1, "by hand"), lambda _: True)
    line = advance(site.system, site.lake, site.registry, lambda _: counts(errors=0), "run 1", at=now())
    assert (line.action, line.reason) == (
        "rolled_back",
        "the champion became version 2 while the one compared with was 1",
    )
    assert site.registry.tag(ROLLOUT) is None


def test_what_is_held_is_looked_at_again_and_changes_nothing(site: Site) -> None:
    clean(site)
    nothing = Counts.from_vector(np.zeros(SIZE, np.int64))
    begin(site.system, site.lake, site.registry, 2, at=now(), reason="test", request="run 1")
    before = state(site)
    for _ in range(3):
        line = advance(site.system, site.lake, site.registry, lambda _: nothing, "run 1", at=now())
        assert (line.action, line.running) == ("started", True)
    assert state(site) == before
    assert end(site.system, site.lake, site.registry, at=now(), reason="enough").action == "rolled_back"


@pytest.mark.parametrize(
    ("version", "told"), [(1, "it is the champion"), (None, "there is no champion to compare with; promote the first")]
)
def test_what_cannot_be_rolled_out_is_refused_in_the_ledger(site: Site, version: int | None, told: str) -> None:
    clean(site)
    if version is None:
        shutil.rmtree(site.lake.path(ledger.TABLE))
    with pytest.raises(PromotionRejectedError, match=told):
        begin(site.system, site.lake, site.registry, version or 2, at=now(), reason="test", request="run 1")
    assert [(line.action, line.reason.startswith("test: ")) for line in read_rollouts(site.lake)] == [("refused", True)]
    assert site.registry.tag(ROLLOUT) is None
