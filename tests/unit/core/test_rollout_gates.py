"""A version on its way is judged by what is proven: harm is found, the harmless goes on, with stated errors."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ai_patterns.core.rollout_counts import LATENCY_EDGES, LAYOUT, SIZE, Counts, score_bin, score_edges
from ai_patterns.core.rollout_gates import decide, p99_bounds
from ai_patterns.spec.rollout import RolloutSpec
from soak_figures import add_figures

SPEC = RolloutSpec.model_validate(
    {
        "shadow": {"requests": 200, "duration": "1m", "at_most": "1h"},
        "canary": [0.1, 0.5],
        "hold": {"requests": 200, "duration": "1m", "at_most": "1h"},
        "limits": {"error_rate": 0.02, "p99_ratio": 1.5, "prediction_shift": 0.1},
    }
)
LONG = 120.0
EDGES = score_edges("classification")


class Traffic:
    """Made-up requests of both versions, counted as the server counts them."""

    def __init__(self, seed: int, *, errors: float = 0.0, slower: float = 1.0, shift: float = 0.0) -> None:
        self._random, self._errors, self._slower, self._shift = np.random.default_rng(seed), errors, slower, shift
        self._vector = np.zeros(SIZE, np.int64)

    def counts(self, requests: int) -> Counts:
        """The counts after so many more requests of each version."""
        random = self._random
        scores = random.beta(2, 5, requests)
        for role, factor, errors in (("champion", 1.0, 0.01), ("challenger", self._slower, 0.01 + self._errors)):
            took = np.searchsorted(LATENCY_EDGES, random.lognormal(-6, 0.5, requests) * factor)
            self._add(f"{role}.requests", requests)
            self._add(f"{role}.errors", int((random.random(requests) < errors).sum()))
            np.add.at(self._vector, LAYOUT[f"{role}.latency"].start + took, 1)
        for old, new in zip(
            scores, np.clip(scores + self._shift + random.normal(0, 0.02, requests), 0, 1), strict=True
        ):
            low, high = sorted((score_bin(EDGES, float(old)), score_bin(EDGES, float(new))))
            place = LAYOUT["rose" if old < new else "fell"].start
            self._vector[place + low : place + high] += 1
        self._add("pairs", requests)
        return Counts.from_vector(self._vector)

    def _add(self, name: str, number: int) -> None:
        self._vector[LAYOUT[name].start] += number


def last_decision(traffic: Traffic, looks: int = 30, each: int = 100, step: int = 1) -> Any:
    """What a deployer that looks again and again ends with: the first decision that is not to hold."""
    for look in range(looks):
        verdict = decide(SPEC, step, traffic.counts(each), LONG * (look >= 4))
        if verdict.decision != "hold":
            return verdict
    return verdict


def outcome(seed: int, **harm: float) -> str:
    """What becomes of a version over all steps."""
    for step in range(len(SPEC.steps)):
        verdict = last_decision(Traffic(seed * 10 + step, **harm), step=step)
        if verdict.decision != "go_on":
            return str(verdict.decision)
    return "promoted"


def test_equal_challengers_go_through_and_are_rarely_rolled_back(request: pytest.FixtureRequest) -> None:
    """Whole rollouts with a look after every 100 requests; `alpha` bounds wrong rollbacks by proof."""
    rollouts = request.config.getoption("--challengers") // 10
    found = Counter(outcome(seed) for seed in range(rollouts))
    assert found["roll_back"] <= SPEC.alpha * rollouts, found
    assert found["promoted"] >= 0.9 * rollouts, found
    add_figures(request.config.getoption("--figures"), "equal challengers rolled out", found)


@pytest.mark.parametrize(
    ("harm", "limit"),
    [({"errors": 0.2}, "error_rate"), ({"slower": 4.0}, "p99_ratio"), ({"shift": 0.25}, "prediction_shift")],
)
def test_clear_harm_is_proven_and_told(harm, limit):
    for seed in range(5):
        verdict = last_decision(Traffic(seed, **harm))
        assert verdict.decision == "roll_back"
        assert [check.name for check in verdict.checks if check.state == "broken"] == [limit]
        assert "allowed" in verdict.reason


def test_harm_is_found_long_before_the_step_could_end():
    verdict = decide(SPEC, 0, Traffic(0, errors=0.9).counts(50), 1.0)
    assert (verdict.decision, verdict.scored) == ("roll_back", 50)


def test_harm_at_the_limit_is_held_and_then_given_up():
    """Seen beyond a limit, but not proven: neither on nor back, until the step has lasted too long."""
    counts = Traffic(3, errors=0.03).counts(300)
    verdict = decide(SPEC, 1, counts, LONG)
    assert verdict.decision == "hold"
    assert "requests failed" in verdict.reason
    late = decide(SPEC, 1, counts, 3601.0)
    assert late.decision == "roll_back"
    assert "could not go on" in late.reason


@pytest.mark.parametrize(
    ("requests", "seconds", "decision", "told"),
    [
        (150, LONG, "hold", "150 of 200 requests"),
        (300, 30.0, "hold", "30 of 60 s"),
        (150, 4000.0, "roll_back", "150 of"),
    ],
)
def test_a_step_is_held_for_its_requests_and_its_time(requests, seconds, decision, told):
    verdict = decide(SPEC, 0, Traffic(1).counts(requests), seconds)
    assert verdict.decision == decision
    assert told in verdict.reason


def test_without_counts_it_waits_and_then_goes_back():
    assert decide(SPEC, 0, None, LONG).decision == "hold"
    assert decide(SPEC, 0, None, 3601.0).decision == "roll_back"


def test_what_no_server_can_load_goes_back_at_once():
    counts = replace(Counts.from_vector(np.zeros(SIZE, np.int64)), refused=1)
    verdict = decide(SPEC, 0, counts, 0.0)
    assert (verdict.decision, verdict.reason) == ("roll_back", "a server could not load it")


def test_scores_that_are_no_numbers_are_a_shift():
    vector = np.zeros(SIZE, np.int64)
    vector[LAYOUT["pairs"].start] = 500
    for place in range(score_bin(EDGES, 0.3), score_bin(EDGES, float("nan"))):
        vector[LAYOUT["rose"].start + place] = 400
    verdict = decide(SPEC, 0, Counts.from_vector(vector), LONG)
    assert [check.name for check in verdict.checks if check.state == "broken"] == ["prediction_shift"]


def test_the_bounds_of_a_percentile_enclose_it():
    """Over 200 samples of a known distribution, looked at five times each."""
    random, true, missed = np.random.default_rng(5), float(np.exp(-6 + 0.5 * 2.3263)), 0
    for _ in range(200):
        latency, outside = np.zeros(len(LATENCY_EDGES) + 1, np.int64), False
        for _ in range(5):
            np.add.at(latency, np.searchsorted(LATENCY_EDGES, random.lognormal(-6, 0.5, 1000)), 1)
            low, seen, high = p99_bounds(latency.tolist(), 0.05)
            assert low <= seen <= high
            outside |= not low <= true <= high
        missed += outside
    assert missed <= 10
