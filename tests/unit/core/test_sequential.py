"""The bounds hold at every look at once: counted on made-up trials, looked at after each of them."""

from __future__ import annotations

import numpy as np
import pytest

from ai_patterns.core.sequential import bounds

ALPHA, RUNS, TRIALS = 0.05, 200, 600
LOOKS = tuple(dict.fromkeys(int(1.15**step) for step in range(46)))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.97])
def test_the_true_share_is_missed_at_any_look_in_at_most_alpha_of_the_runs(share):
    random = np.random.default_rng(int(share * 100))
    missed = 0
    for _ in range(RUNS):
        successes = np.cumsum(random.random(TRIALS) < share)
        found = (bounds(int(successes[look - 1]), look, ALPHA) for look in LOOKS)
        missed += any(not low <= share <= high for low, high in found)
    assert missed <= ALPHA * RUNS


def test_a_fixed_interval_misses_it_far_more_often():
    """What looking again and again does to the textbook's 95%: the reason for all this."""
    random, share, missed = np.random.default_rng(0), 0.3, 0
    for _ in range(RUNS):
        successes = np.cumsum(random.random(TRIALS) < share)
        rates = [(successes[look - 1] / look, look) for look in LOOKS if look >= 30]
        missed += any(abs(rate - share) > 1.96 * np.sqrt(rate * (1 - rate) / look) for rate, look in rates)
    assert missed > 4 * ALPHA * RUNS


def test_bounds_enclose_what_was_seen_and_close_in_on_it():
    widths = []
    for trials in (10, 100, 1000, 10_000):
        low, high = bounds(trials // 10, trials, ALPHA)
        assert 0 < low < 0.1 < high < 1
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.03


@pytest.mark.parametrize("trials", [1, 7, 1000])
def test_never_and_always_have_one_bound(trials):
    assert bounds(0, trials, ALPHA)[0] == 0.0
    assert bounds(trials, trials, ALPHA)[1] == 1.0
    assert bounds(0, trials, ALPHA)[1] == pytest.approx(1 - bounds(trials, trials, ALPHA)[0])
