"""One key keeps its version while the share grows, and shares are what they say."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.core.canary import chosen, position

KEYS = st.tuples(st.one_of(st.integers(), st.text(), st.booleans(), st.none()))


@given(KEYS, st.floats(0, 1), st.floats(0, 1))
def test_a_key_that_the_new_version_answers_it_answers_at_every_larger_share(key, one, other):
    low, high = sorted((one, other))
    assert chosen("run", key, high) or not chosen("run", key, low)


def test_shares_are_what_they_say():
    answered = [sum(chosen("run", (number,), share) for number in range(20_000)) for share in (0.05, 0.25, 0.5)]
    for count, share in zip(answered, (0.05, 0.25, 0.5), strict=True):
        assert abs(count / 20_000 - share) < 0.015


def test_every_rollout_draws_other_keys():
    both = sum(chosen("run 1", (number,), 0.1) and chosen("run 2", (number,), 0.1) for number in range(20_000))
    assert abs(both / 20_000 - 0.01) < 0.005


def test_instants_are_keys_too():
    at = dt.datetime(2013, 4, 1, tzinfo=dt.UTC)
    assert position("run", (at,)) == position("run", (at.isoformat(),))
