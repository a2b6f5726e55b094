"""Holm's correction, against its definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.core.multiplicity import holm

P = st.lists(st.floats(0, 1), max_size=8)


@given(P, st.floats(0.001, 0.2))
def test_what_is_refused_is_what_the_procedure_refuses(p: list[float], alpha: float) -> None:
    """From the smallest on, each against alpha over those that are left, until the first that is not significant."""
    refused = set()
    for rank, place in enumerate(sorted(range(len(p)), key=lambda place: p[place])):
        if p[place] * (len(p) - rank) > alpha:
            break
        refused.add(place)
    assert {place for place, value in enumerate(holm(p)) if value <= alpha} == refused


@given(P)
def test_adjusted_values_are_p_values_in_the_same_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(one <= other <= 1 for one, other in zip(p, adjusted, strict=True))
    assert sorted(adjusted) == [value for _, value in sorted(zip(p, adjusted, strict=True))]
