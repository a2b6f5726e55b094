"""The block bootstrap: the metrics' own values, whole days, one seed."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.core.bootstrap import RESAMPLES, BlockBootstrap, Estimate
from ai_patterns.core.metrics import METRICS, brier, logloss
from ai_patterns.spec.model import Metric

DAYS = np.repeat(np.arange(14), 200)


def decisions(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truth of two weeks, and the probabilities it was drawn with."""
    generator = np.random.default_rng(seed)
    honest = generator.uniform(0.05, 0.95, len(DAYS))
    return (generator.random(len(DAYS)) < honest).astype(float), honest


@pytest.mark.parametrize("metric", get_args(Metric))
@pytest.mark.parametrize("digits", [1, 8])
def test_a_resample_is_measured_as_the_metric_does(metric: Metric, digits: int) -> None:
    """Against the definition on the drawn rows themselves; with one digit most scores are tied."""
    truth, honest = decisions()
    score, days = np.round(honest, digits), np.random.default_rng(1).permutation(DAYS)
    bootstrap = BlockBootstrap(truth, days)
    found = bootstrap._values(metric, np.arange(len(truth)), score)
    for resample in (0, RESAMPLES - 1):
        drawn = np.repeat(np.arange(len(truth)), bootstrap._draws[resample][days])
        assert found[resample] == pytest.approx(METRICS[metric](truth[drawn], score[drawn]), abs=1e-12)


def test_the_estimate_is_the_difference_of_the_metrics() -> None:
    truth, honest = decisions()
    flat, bootstrap = np.full(len(truth), 0.5), BlockBootstrap(truth, DAYS)
    assert bootstrap.worse_by("brier", flat, honest).value == brier(truth, flat) - brier(truth, honest)
    assert bootstrap.worse_by("logloss", honest, flat).value == logloss(truth, honest) - logloss(truth, flat)
    chosen = DAYS < 3
    worse = bootstrap.worse_by("auc", flat, honest, chosen)
    assert (worse.blocks, worse.rows) == (3, 600)
    assert worse.value == METRICS["auc"](truth[chosen], honest[chosen]) - 0.5


def test_the_error_is_that_of_the_days_mean() -> None:
    """Days of equal size: the classical error of a mean of days, up to what a thousand resamples can tell."""
    truth, honest = decisions()
    noisy = np.clip(honest + np.random.default_rng(2).normal(0, 0.2, 14)[DAYS], 0, 1)
    by_day = ((noisy - truth) ** 2 - (honest - truth) ** 2).reshape(14, 200).mean(axis=1)
    found = BlockBootstrap(truth, DAYS).worse_by("brier", noisy, honest)
    assert found.error == pytest.approx(by_day.std(ddof=1) / math.sqrt(14), rel=0.1)


def test_days_are_drawn_whole() -> None:
    """One bad day in fourteen, with all the loss, widens the interval beyond what single rows would show."""
    truth, honest = decisions()
    bad_day = np.where(DAYS == 0, 1 - honest, honest)
    by_day = BlockBootstrap(truth, DAYS).worse_by("brier", bad_day, honest)
    by_row = BlockBootstrap(truth, np.arange(len(truth))).worse_by("brier", bad_day, honest)
    assert by_day.error > 5 * by_row.error
    assert by_day.interval(0.05)[0] < 0 < by_row.interval(0.05)[0]


def test_the_same_rows_and_seed_give_the_same_figures() -> None:
    truth, honest = decisions()
    flat = np.full(len(truth), 0.5)
    first, again, other = (BlockBootstrap(truth, DAYS, seed).worse_by("ece", flat, honest) for seed in (1, 1, 2))
    assert first == again
    assert first.value == other.value
    assert first.error != other.error


def test_what_cannot_be_told_is_undefined() -> None:
    truth, honest = decisions()
    one_day = BlockBootstrap(truth[:200], DAYS[:200]).worse_by("brier", honest[:200], honest[:200])
    one_class = BlockBootstrap(np.zeros(len(DAYS)), DAYS).worse_by("auc", honest, honest)
    nothing = BlockBootstrap(truth, DAYS).estimate("bias", honest, np.zeros(len(DAYS), dtype=bool))
    for estimate in (one_day, one_class, nothing):
        assert not estimate.defined
        assert estimate.p_below(1.0) == estimate.p_above(-1.0) == 1.0
        assert all(math.isnan(end) for end in estimate.interval(0.05))


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(-5, 5), st.integers(2, 60))
def test_a_bound_lies_outside_the_interval_where_the_test_refuses_it(value, error, bound, days) -> None:
    estimate = Estimate(value, error, days, 1000)
    lower, upper = estimate.interval(0.05)
    assert (estimate.p_below(bound) < 0.05) == (upper < bound) or math.isclose(upper, bound, rel_tol=1e-9)
    assert (estimate.p_above(bound) < 0.05) == (lower > bound) or math.isclose(lower, bound, rel_tol=1e-9)
    assert estimate.p_above(bound) + estimate.p_below(bound) == pytest.approx(1)
