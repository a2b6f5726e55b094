"""How often the gates err: challengers of the champion's own skill, and such as are truly better or worse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from ai_patterns.core.comparison import Trial, evidence_gates
from ai_patterns.core.promotion import Gate
from ai_patterns.spec.model import GatesSpec
from challengers import World, true_gain
from soak_figures import add_figures

BLOCK = 2
ALPHA = 0.05
GATES = GatesSpec.model_validate(
    {
        "compare": "logloss",
        "mode": "better",
        "alpha": ALPHA,
        "guards": {"auc": 0.01, "brier": 0.005},
        "fairness": {"slices": ["part"], "tolerance": 0.01},
    }
)
GAINS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Shares of what is hidden from the champion."""


@pytest.fixture
def challengers(request: pytest.FixtureRequest) -> int:
    """How many are made."""
    return int(request.config.getoption("--challengers"))


def promoted(trials: Iterable[Trial], spec: GatesSpec = GATES) -> int:
    return sum(all(gate.passed for gate in evidence_gates(spec, trial)) for trial in trials)


def test_challengers_of_the_same_skill_are_promoted_in_at_most_alpha(challengers: int, request) -> None:
    world = World()
    count = promoted(world.trial(seed, BLOCK) for seed in range(challengers))
    figures = {"challengers": challengers, "promoted": count, "days": world.days}
    add_figures(request.config.getoption("--figures"), "challengers of the same skill", figures)
    assert count <= ALPHA * challengers


@pytest.mark.parametrize("days", [14, 28])
def test_better_challengers_are_promoted_the_more_the_better_they_are(challengers: int, days: int, request) -> None:
    """The power table; gains in units of 0.0001 of log loss."""
    trials, counts = max(20, challengers // 10), []
    for gain in GAINS:
        world = World(days=days, gain=gain)
        counts.append(promoted(world.trial(seed, BLOCK) for seed in range(trials)))
        figures = {"gain": round(true_gain(world) * 1e4), "trials": trials, "promoted": counts[-1]}
        add_figures(request.config.getoption("--figures"), f"better challengers, {days} days, {gain}", figures)
    assert all(one <= other for one, other in pairwise(counts))
    assert counts[-1] > trials / 2


def test_challengers_that_are_worse_by_the_tolerance_pass_seldom(challengers: int, request) -> None:
    """Champion and challenger change places: the champion knows more, by as much as the tolerance."""
    world = World(gain=0.1)
    spec = GatesSpec(compare="logloss", tolerance=true_gain(world))
    trials = (world.trial(seed, BLOCK) for seed in range(challengers))
    count = promoted((replace(trial, challenger=trial.champion, champion=trial.challenger) for trial in trials), spec)
    figures = {"challengers": challengers, "promoted": count}
    add_figures(request.config.getoption("--figures"), "challengers worse by the tolerance", figures)
    assert count <= 1.5 * ALPHA * challengers


def test_harmless_challengers_are_seldom_refused_for_harm(challengers: int, request) -> None:
    """Nothing at all is allowed on two metrics and four slices: six tests, and one error in at most `alpha`."""
    strict = {"guards": {"auc": 0, "brier": 0}, "fairness": {"slices": ["part"]}}
    spec = GatesSpec.model_validate({**GATES.model_dump(), **strict})

    def harmed(gates: list[Gate]) -> bool:
        return any(not gate.passed for gate in gates if gate.name.startswith(("guard", "slice")))

    count = sum(harmed(evidence_gates(spec, World().trial(seed, BLOCK))) for seed in range(challengers))
    add_figures(
        request.config.getoption("--figures"), "harmless challengers", {"challengers": challengers, "refused": count}
    )
    assert count <= ALPHA * challengers
