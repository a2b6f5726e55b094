"""Scores that keep their promise expect the Brier score that their labels give."""

import numpy as np
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.estimate import read_estimates
from ai_patterns.jobs.feedback import join_labels, measure_performance
from unit.jobs.pumps import DAY, PUMPS, START, outcomes, predictions

PER_WEEK = 600


@pytest.fixture
def lake(tmp_path):
    lake, random = Lake(str(tmp_path), "pumps"), np.random.default_rng(0)
    for week in range(4):
        scores = random.uniform(0, 1, PER_WEEK)
        hours = [week * 168 + n % 160 for n in range(PER_WEEK)]
        rows = [(f"{week}-{n}", float(scores[n]), hours[n], "north") for n in range(PER_WEEK)]
        lake.append("predictions", predictions(*rows), partition_by=["day", "mode"])
        # The same decisions once more, by a model that nobody acted on.
        others = predictions(*[(visit, 0.5, hour, site) for visit, _, hour, site in rows], mode="batch")
        lake.append("predictions", others, partition_by=["day", "mode"])
        if week < 3:
            labels = [(f"{week}-{n}", bool(random.uniform() < scores[n]), hours[n] + 1) for n in range(PER_WEEK)]
            lake.append("events/outcome", outcomes(*labels), partition_by=["day"])
    join_labels(PUMPS, lake, START + 28 * DAY)
    for week in range(3):
        days = Days((START + 7 * week * DAY).date(), (START + (7 * week + 6) * DAY).date())
        measure_performance(PUMPS, lake, days, START + 28 * DAY)
    return lake


@pytest.mark.parametrize(("metric", "truth"), [("brier", 1 / 6), ("logloss", 0.5)])
def test_a_week_without_labels_has_an_estimate_with_a_band(lake, metric, truth):
    found = read_estimates(PUMPS, lake, metric)
    assert [week.measured is None for week in found] == [False, False, False, True]
    assert all(week.expected == pytest.approx(truth, abs=0.02) for week in found)
    assert found[-1].weeks == 3
    assert found[-1].band == max(abs(week.measured - week.expected) for week in found[:3])
    assert found[-1].band < 0.05


def test_what_cannot_be_estimated_is_not(lake, tmp_path):
    assert read_estimates(PUMPS, lake, "auc") == []
    assert read_estimates(PUMPS, Lake(str(tmp_path / "empty"), "pumps"), "brier") == []
