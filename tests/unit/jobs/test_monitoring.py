"""Injected faults raise an alarm, clean weeks do not."""

import numpy as np
import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.errors import DriftDetectedError
from ai_patterns.jobs.monitoring import check_drift, check_predictions, check_quality
from unit.jobs.pumps import DAY, PUMPS, START, outcomes, predictions, training_rows

WINDOW = Days.parse("2024-01-29/2024-02-04")
HISTORY, WEEK = range(28), range(28, 35)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path), "pumps")


def missing(_, pressure, site):
    pressure[: len(pressure) // 5] = np.nan
    return pressure, site


def stuck(_, pressure, site):
    pressure[: len(pressure) * 9 // 10] = 3.25
    return pressure, site


def opened(_, pressure, site):
    site[: len(site) // 10] = "east"
    return pressure, site


def shifted(_, pressure, site):
    return pressure + 2, site


def verdicts(lake):
    return sorted((row["check"], row["subject"], row["value"]) for row in lake.read("checks").to_pylist())


def fill(lake, change=None, seed=0):
    lake.append("training_sets", training_rows(HISTORY, seed=seed), partition_by=["day"])
    lake.append("training_sets", training_rows(WEEK, seed=seed + 100, change=change), partition_by=["day"])


@pytest.mark.parametrize(
    ("fault", "check", "subject"),
    [
        (missing, "missing share", "pressure"),
        (stuck, "rise of one value's share", "pressure"),
        (opened, "never seen", "site"),
    ],
)
def test_a_fault_is_caught_and_named_in_one_alarm(lake, fault, check, subject):
    fill(lake, fault)
    report = check_drift(PUMPS, lake, WINDOW)
    assert len(report.alarms) == 1
    assert report.alarms[0].startswith(f"{subject}: drift")
    assert check in report.alarms[0]
    assert "Not calibrated yet: 28 of 154 days of history" in report.alarms[0]
    stored = [row for row in lake.read("checks").to_pylist() if not row["passed"]]
    assert [(row["family"], row["check"], row["subject"]) for row in stored] == [("drift", "drift", subject)]


@pytest.mark.parametrize("seed", range(10))
def test_a_clean_week_raises_nothing(lake, seed):
    fill(lake, seed=seed)
    assert check_drift(PUMPS, lake, WINDOW).alarms == ()


def test_a_shift_is_reported_and_raises_nothing_before_there_is_a_past_to_calibrate_on(lake):
    fill(lake, shifted)
    report = check_drift(PUMPS, lake, WINDOW)
    index = next(row for row in report.rows if (row.check, row.subject) == ("psi", "pressure"))
    assert index.value > PUMPS.monitoring.max_psi
    assert report.alarms == ()


def test_a_shift_alarms_after_154_days_and_a_like_week_does_not(lake):
    lake.append("training_sets", training_rows(range(-126, 28), per_day=100), partition_by=["day"])
    lake.append("training_sets", training_rows(WEEK, per_day=100, seed=9), partition_by=["day"])
    calm = check_drift(PUMPS, lake, WINDOW)
    assert calm.alarms == ()
    assert any("at most 5% of weeks alarm" in row.detail for row in calm.rows)
    lake.replace_days("training_sets", training_rows(WEEK, per_day=100, seed=9, change=shifted), WINDOW)
    (alarm,) = check_drift(PUMPS, lake, WINDOW).alarms
    assert alarm.startswith("pressure: drift")


def test_a_fault_that_was_always_there_raises_nothing(lake):
    lake.append("training_sets", training_rows(range(35), change=missing), partition_by=["day"])
    assert check_drift(PUMPS, lake, WINDOW).alarms == ()


def test_the_verdicts_are_recorded_before_the_failure_is_raised(lake):
    fill(lake, missing)
    with pytest.raises(DriftDetectedError, match="pressure: drift"):
        check_drift(PUMPS, lake, WINDOW, fail=True)
    assert lake.exists("checks")


def test_a_second_check_replaces_the_first(lake):
    fill(lake, missing)
    check_drift(PUMPS, lake, WINDOW)
    before = verdicts(lake)
    check_drift(PUMPS, lake, WINDOW)
    assert verdicts(lake) == before


def test_nothing_there_is_nothing_to_check(lake):
    assert check_drift(PUMPS, lake, WINDOW).rows == ()
    assert check_predictions(PUMPS, lake, WINDOW).rows == ()
    assert check_quality(PUMPS, lake, WINDOW).rows == ()
    lake.append("training_sets", training_rows(WEEK), partition_by=["day"])
    assert check_drift(PUMPS, lake, WINDOW).rows == ()  # no reference yet


def test_features_of_the_predictions_themselves(lake):
    random = np.random.default_rng(1)
    for day in range(35):
        rows = predictions(*[(f"{day}-{n}", float(random.uniform()), day * 24, "north") for n in range(40)])
        if day >= 28:
            rows = rows.set_column(4, "features", pa.array(['{"site": "new", "pressure": null}'] * 40))
        lake.append("predictions", rows, partition_by=["day", "mode"])
    report = check_drift(PUMPS, lake, WINDOW, features_of="predictions")
    (alarm,) = report.alarms
    assert "pressure: missing share 1.000 over 7 days" in alarm
    assert "site: share of values never seen 1.000 over 7 days (new)" in alarm


class TestScores:
    def serve(self, lake, *weeks):
        random = np.random.default_rng(2)
        for number, (low, high) in enumerate(weeks):
            scores = random.uniform(low, high, 700)
            rows = [(f"{number}-{n}", float(s), number * 168 + n // 5, "north") for n, s in enumerate(scores)]
            lake.append("predictions", predictions(*rows), partition_by=["day", "mode"])

    def values(self, report):
        return {row.check: row.value for row in report.rows}

    def test_like_weeks(self, lake):
        self.serve(lake, (0, 1), (0, 1))
        report = check_predictions(PUMPS, lake, Days.parse("2024-01-08/2024-01-14"))
        assert report.alarms == ()
        assert self.values(report)["psi"] < 0.1
        assert self.values(report)["mean_score"] == pytest.approx(0.5, abs=0.05)

    def test_moved_scores_are_reported_and_one_constant_score_alarms(self, lake):
        self.serve(lake, (0, 1), (0.8, 1), (0.7, 0.7))
        moved = check_predictions(PUMPS, lake, Days.parse("2024-01-08/2024-01-14"))
        assert self.values(moved)["psi"] > 0.2
        assert moved.alarms == ()
        constant = check_predictions(PUMPS, lake, Days.parse("2024-01-15/2024-01-21"))
        assert ["rise of one value's share" in alarm for alarm in constant.alarms] == [True]

    def test_the_first_week_has_nothing_to_compare_with(self, lake):
        self.serve(lake, (0, 1))
        report = check_predictions(PUMPS, lake, Days.parse("2024-01-01/2024-01-07"))
        assert set(self.values(report)) == {"mean_score", "degraded_share"}


def test_the_share_in_quarantine(lake):
    lake.append("events/outcome", outcomes(*[(f"v{n}", True, 1) for n in range(9)]), partition_by=["day"])
    bad = pa.table({"row": [b"{}"], "reason": ["x"], "column": ["failed"], "day": [START.date()]})
    lake.append("quarantine/outcome", bad, partition_by=["day"])
    day = Days(START.date(), START.date())
    report = check_quality(PUMPS, lake, day)
    assert [(row.subject, row.value, row.passed) for row in report.rows] == [("outcome", 0.1, False)]
    assert "1 of 10 rows" in report.alarms[0]
    later = Days((START + DAY).date(), (START + DAY).date())
    assert check_quality(PUMPS, lake, later).rows == ()
