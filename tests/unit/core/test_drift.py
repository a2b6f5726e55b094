"""Distances inform; broken contracts of clean columns alarm."""

import pytest

from ai_patterns.core.daily_profiles import Profile
from ai_patterns.core.drift import judge, missing_increase, paired_counts, unseen_share
from ai_patterns.spec.model import MonitoringSpec

BOUNDS = MonitoringSpec()


def numeric(bins, missing=0, counts=None, low=0.0, high=9.0):
    return Profile(sum(bins) + missing, missing, (1.0, 2.0), tuple(bins), counts or {}, low, high)


def words(missing=0, **counts):
    return Profile(sum(counts.values()) + missing, missing, counts=counts)


def alarms(findings):
    return [finding.check for finding in findings if not finding.passed]


CLEAN = [numeric((30, 40, 30))] * 4


def test_a_like_window_raises_nothing():
    assert alarms(judge("x", CLEAN, numeric((28, 41, 31)), BOUNDS)) == []


def test_a_large_psi_informs_and_does_not_alarm():
    findings = judge("x", CLEAN, numeric((90, 5, 5)), BOUNDS)
    index = next(finding for finding in findings if finding.check == "psi")
    assert index.value > BOUNDS.max_psi
    assert index.passed
    assert "no alarm by itself" in index.detail
    assert alarms(findings) == []


def test_missing_values_in_a_clean_column_alarm():
    assert alarms(judge("x", CLEAN, numeric((24, 32, 24), missing=20), BOUNDS)) == ["missing_increase"]


def test_missing_values_in_a_column_that_had_them_before_do_not():
    reference = [*CLEAN[:3], numeric((20, 40, 30), missing=10)]
    findings = judge("x", reference, numeric((24, 32, 24), missing=20), BOUNDS)
    assert alarms(findings) == []
    assert any("the reference itself" in finding.detail for finding in findings)


def test_a_stuck_value_alarms_where_the_reference_had_none():
    stuck = numeric((0, 100, 0), counts={1.5: 90})
    assert alarms(judge("x", CLEAN, stuck, BOUNDS)) == ["stuck_share"]
    usual = [numeric((0, 100, 0), counts={1.5: 80})] * 4
    assert alarms(judge("x", usual, stuck, BOUNDS)) == []


def test_a_new_category_alarms_and_is_named():
    findings = judge("x", [words(a=50, b=50)] * 4, words(a=50, b=40, zz=10), BOUNDS)
    assert alarms(findings) == ["unseen_share"]
    assert "zz" in next(finding.detail for finding in findings if not finding.passed)


def test_categories_that_come_and_go_in_the_reference_do_not():
    reference = [words(a=50, **{f"c{week}": 10}) for week in range(4)]
    assert alarms(judge("x", reference, words(a=50, new=10), BOUNDS)) == []


def test_one_part_is_reference_enough_and_none_is_no_verdict():
    assert alarms(judge("x", CLEAN[:1], numeric((24, 32, 24), missing=20), BOUNDS)) == ["missing_increase"]
    assert judge("x", [Profile()], CLEAN[0], BOUNDS) == []
    assert judge("x", CLEAN, Profile(), BOUNDS) == []


def test_a_window_wholly_missing_alarms():
    gone = Profile(100, 100, (1.0, 2.0), (0, 0, 0))
    assert alarms(judge("x", CLEAN, gone, BOUNDS)) == ["missing_increase"]


def test_parts():
    assert missing_increase(words(a=3, missing=1), words(a=1, missing=1)) == pytest.approx(0.25)
    assert unseen_share(words(a=1), Profile()) == 0.0
    assert paired_counts(words(a=1, c=2), words(b=3)) == ([1, 0, 2], [0, 3, 0])
