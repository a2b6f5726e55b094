from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.core.days import Days, cut, midnight


@given(st.dates(max_value=dt.date(9000, 1, 1)), st.integers(0, 800))
def test_what_is_written_is_read_back(first: dt.date, more: int) -> None:
    days = Days(first, first + dt.timedelta(days=more))
    assert Days.parse(str(days)) == days
    assert days.count == more + 1 == len(list(days))


def test_the_instants_of_a_range_are_utc_and_half_open() -> None:
    days = Days.parse("2013-01-31/2013-02-01")
    assert (days.start, days.end) == (midnight(dt.date(2013, 1, 31)), midnight(dt.date(2013, 2, 2)))
    assert days.start.tzinfo is dt.UTC


def test_one_day_is_a_range_of_one() -> None:
    assert list(Days.parse("2012-02-29")) == [dt.date(2012, 2, 29)]


@pytest.mark.parametrize("key", ["", "2013", "2013-02-30", "2013-01-02/2013-01-01", "2013-01-01/2013-01-02/x", "/"])
def test_another_form_is_refused_by_name(key: str) -> None:
    with pytest.raises(ValueError, match="is no partition key such as"):
        Days.parse(key)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 20))
def test_a_cut_range_is_whole_and_within_the_budget(counts: list[int], budget: int) -> None:
    first = dt.date(2024, 2, 20)
    rows = {first + dt.timedelta(days=number): count for number, count in enumerate(counts)}
    days = Days(first, max(rows))
    parts = cut(days, rows, budget)
    assert [day for part in parts for day in part] == list(days)
    assert all(sum(rows[day] for day in part) <= budget for part in parts if sum(rows[day] > 0 for day in part) > 1)
