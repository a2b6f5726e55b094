"""Distances inform; one decision a window alarms, and names the guilty feature first."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from ai_patterns.core.days import Days
from ai_patterns.core.divergence import jensen_shannon, kolmogorov_smirnov
from ai_patterns.core.drift import DECISION, in_groups, judge
from ai_patterns.core.drift_rule import history_days, score
from ai_patterns.core.drift_statistics import STATISTICS, residuals
from ai_patterns.spec.monitoring import MonitoringSpec

SPEC = MonitoringSpec()
FIRST = dt.date(2024, 1, 1)
NUMBERS, WORDS = ["heat", "power", "load"], ["site"]
PER_DAY = 60


def history(days, change=None, seed=0):
    """`power` follows `heat` closely; `change(columns)` strikes the last seven days."""
    random = np.random.default_rng(seed)
    size = days * PER_DAY
    day = np.repeat(np.arange(days), PER_DAY)
    heat = random.normal(20, 5, size)
    columns = {
        "heat": heat,
        "power": 2 * heat + random.normal(0, 1, size),
        "load": random.integers(0, 20, size).astype(float),
        "site": random.choice(["north", "south", "west"], size).astype(object),
    }
    if change is not None:
        late = day >= days - 7
        for name, values in change({name: values[late] for name, values in columns.items()}).items():
            columns[name][late] = values
    dates = pa.array([FIRST + dt.timedelta(days=int(number)) for number in day], pa.date32())
    return pa.table({"day": dates, **{n: pa.array(v, from_pandas=True) for n, v in columns.items()}})


def judged(rows, spec=SPEC):
    last = max(rows["day"].to_pylist())
    return judge(rows, Days(last - dt.timedelta(days=6), last), NUMBERS, WORDS, spec)


def decision(rows):
    (found,) = [finding for finding in judged(rows) if finding.check == DECISION]
    return found


LONG = history_days(7, SPEC) + 7

FAULTS = {
    "heat": lambda week: {"heat": week["heat"] + 5},
    "power": lambda week: {"power": week["power"] * 1.6},
    "load": lambda week: {"load": week["load"] + 0.5},
    "site": lambda week: {"site": np.where(np.arange(len(week["site"])) % 20, week["site"], "east")},
}


@pytest.mark.parametrize("feature", FAULTS)
def test_a_fault_alarms_and_its_feature_is_named_first(feature):
    found = decision(history(LONG, FAULTS[feature]))
    assert (found.passed, found.subject) == (False, feature)
    assert found.value > found.bound == 1
    assert found.detail.startswith(f"{feature}: ")


@pytest.mark.parametrize("seed", range(5))
def test_a_like_week_raises_nothing_and_the_rate_is_stated(seed):
    found = decision(history(LONG, seed=seed))
    assert found.passed
    assert "at most 5% of weeks alarm" in found.detail


CLOCKED = MonitoringSpec(clocks={"load": 24}, max_clock_gain=0.05)
"""`load` is the hour of a day in what follows."""


def clocked(days, turned):
    rows, random = history(days), np.random.default_rng(8)
    hour = np.floor(24 * random.beta(16, 8, rows.num_rows))
    late = rows["day"].to_numpy() >= np.datetime64(FIRST + dt.timedelta(days=days - 7))
    hour[late] = (hour[late] + turned) % 24
    return rows.set_column(rows.column_names.index("load"), "load", pa.array(hour))


@pytest.mark.parametrize("hours", [1, -3, 10])
def test_a_turned_clock_alarms_without_that_history(hours):
    found = [item for item in judged(clocked(60, hours), CLOCKED) if item.check == DECISION]
    assert [(item.subject, item.passed) for item in found] == [("load", False)]
    assert "its clock is wrong" in found[0].detail


@pytest.mark.parametrize(("hours", "spec"), [(0, CLOCKED), (1, SPEC)])
def test_a_right_clock_or_one_that_nobody_declared_does_not(hours, spec):
    (found,) = [item for item in judged(clocked(60, hours), spec) if item.check == DECISION]
    assert found.passed


def test_what_only_the_other_features_give_away():
    def swapped(week):
        random = np.random.default_rng(3)
        return {"power": 40 + random.normal(0, np.sqrt(101), len(week["power"]))}  # the same margin, but not heat's

    found = decision(history(LONG, swapped))
    assert not found.passed
    assert "given all other features" in found.detail


def test_one_day_short_of_the_history_says_so_and_does_not_alarm_by_scores():
    found = decision(history(LONG - 1, FAULTS["heat"]))
    assert found.passed
    assert "Not calibrated yet: 153 of 154 days" in found.detail


def test_a_broken_contract_alarms_without_that_history():
    found = decision(history(40, FAULTS["site"]))
    assert (found.passed, found.subject) == (False, "site")
    assert "(east)" in found.detail


def test_a_column_that_was_never_clean_breaks_no_contract():
    rows = history(40)
    half = pa.array(np.where(np.arange(rows.num_rows) % 2, rows["load"].to_numpy(), np.nan), from_pandas=True)
    assert decision(rows.set_column(rows.column_names.index("load"), "load", half)).passed


def test_distances_are_told_of_every_feature_and_none_alarms():
    findings = judged(history(40, FAULTS["heat"]))
    told = [finding for finding in findings if finding.check in ("psi", "jensen_shannon", "chi_square")]
    assert {finding.subject for finding in told} == {*NUMBERS, *WORDS}
    assert all(finding.passed for finding in told)
    moved = next(finding for finding in told if (finding.check, finding.subject) == ("psi", "heat"))
    assert moved.value > SPEC.max_psi
    assert "no alarm by itself" in moved.detail


def test_binned_distances_are_scipys():
    from scipy.spatial import distance
    from scipy.stats import chi2_contingency, ks_2samp

    rows = history(40, FAULTS["load"])
    week = rows["day"].to_numpy() >= np.datetime64(FIRST + dt.timedelta(days=33))
    before = ~week & (rows["day"].to_numpy() >= np.datetime64(FIRST + dt.timedelta(days=5)))
    load = rows["load"].to_numpy()
    found = {(item.check, item.subject): item.value for item in judged(rows)}
    # Each value of a lattice has a bin of its own, so that the binned statistic is the exact one.
    assert found["kolmogorov_smirnov", "load"] == pytest.approx(ks_2samp(load[before], load[week]).statistic, abs=1e-12)
    site = np.array(rows["site"].to_pylist())
    counts = np.array([[np.sum(site[part] == name) for name in np.unique(site)] for part in (before, week)])
    assert found["jensen_shannon", "site"] == pytest.approx(distance.jensenshannon(*counts, base=2), abs=1e-12)
    assert found["chi_square", "site"] == pytest.approx(chi2_contingency(counts, correction=False).statistic)


def test_groups_keep_the_counts_and_weigh_alike():
    random = np.random.default_rng(0)
    reference, window = random.integers(0, 50, 200).astype(float), random.integers(0, 9, 200).astype(float)
    grouped = in_groups(reference, window)
    assert [part.sum() for part in grouped] == [reference.sum(), window.sum()]
    assert len(grouped[0]) == 10
    assert grouped[0].max() < 1.1 * reference.sum() / 10
    assert kolmogorov_smirnov(*grouped) <= kolmogorov_smirnov(reference, window)
    assert jensen_shannon(*grouped) <= jensen_shannon(reference, window)


def test_residuals_are_those_of_the_regression():
    random = np.random.default_rng(0)
    before, now = random.normal(size=(2, 4_000, 3))
    before[:, 2] += before[:, :2].sum(1)
    now[:, 2] += now[:, :2].sum(1) + 0.5
    parts = [np.column_stack([np.ones(len(part)), part]) for part in (now, before)]
    found = residuals(*(np.array([part.T @ part]) for part in parts))[0]
    slope = np.linalg.lstsq(parts[1][:, :3], before[:, 2], rcond=None)[0]
    rest = [part[:, 3] - part[:, :3] @ slope for part in parts]
    assert found[2, 0] == pytest.approx(abs(rest[0].mean()) / rest[1].std(), rel=1e-2)
    assert found[2, 1] == pytest.approx(abs(np.log(rest[0].std() / rest[1].std())), abs=1e-3)


def test_a_score_does_not_depend_on_the_order_of_the_past_and_grows_with_the_statistic():
    random = np.random.default_rng(0)
    past = random.gamma(2, 0.1, (120, 3, len(STATISTICS)))
    now = np.stack([past.max(0), past.max(0) * 2])
    found = score(past, now)
    np.testing.assert_allclose(found, score(past[::-1], now))
    assert (found[1] >= found[0]).all()


def test_nothing_before_or_within_the_window_is_no_verdict():
    rows = history(10)
    day = FIRST - dt.timedelta(days=1)
    assert judge(rows, Days(day, day), NUMBERS, WORDS, SPEC) == []
    day = FIRST + dt.timedelta(days=30)
    assert judge(rows, Days(day, day), NUMBERS, WORDS, SPEC) == []


def test_a_slow_feature_beyond_its_range_is_not_stuck_and_a_stuck_one_is():
    """Before scores are calibrated only contracts alarm; a year-to-date mean in spring is always a new value."""
    days = 90
    slow = history(days).append_column("trend", pa.array(np.arange(days * PER_DAY, dtype=float)))
    last = max(slow["day"].to_pylist())
    week = Days(last - dt.timedelta(days=6), last)
    (found,) = [item for item in judge(slow, week, [*NUMBERS, "trend"], WORDS, SPEC) if item.check == DECISION]
    assert found.passed, found.detail
    frozen = decision(history(days, lambda rows: {"heat": np.full(len(rows["heat"]), np.median(rows["heat"]))}))
    assert not frozen.passed
    assert frozen.subject == "heat"
