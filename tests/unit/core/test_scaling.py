"""Replicas follow the load, within bounds, and do not swing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.core.scaling import ScalingRule

RULE = ScalingRule(high=100, low=30, least=1, most=6)


@given(st.floats(0, 2000))
def test_a_steady_load_comes_to_rest(work: float) -> None:
    """The measure is the work of a replica: twice as many have half as much each."""
    replicas, seen = 1, []
    for _ in range(20):
        replicas = RULE.replicas(replicas, [work / replicas] * 4)
        seen.append(replicas)
    assert len(set(seen[10:])) == 1


@pytest.mark.parametrize(
    ("present", "looks", "chosen"),
    [(6, [500, 500], 6), (1, [0, 0], 1), (3, [], 3), (9, [50], 6), (2, [101, 99], 2), (2, [31, 10], 2)],
)
def test_bounds_and_doubts_change_nothing_more(present: int, looks: list[float], chosen: int) -> None:
    assert RULE.replicas(present, looks) == chosen


@pytest.mark.parametrize("bounds", [{"high": 10, "low": 5}, {"high": 10, "low": 1, "least": 3, "most": 2}])
def test_a_rule_that_would_swing_is_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="low must be below half of high"):
        ScalingRule(**bounds)
