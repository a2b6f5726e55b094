"""Profiles merge by addition: merging the days is profiling the whole."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.core.bins import Bins
from ai_patterns.core.profiling import profile_days
from profiled_rows import BINS, FIRST, table

values = st.one_of(st.none(), st.just(float("nan")), st.sampled_from([-3.0, 0.0, 0.5, 1.0, 2.0, 2.5, 9.0]))
row = st.tuples(st.integers(0, 3), values, values, st.sampled_from([None, "a", "b", "c", "d'd"]))
rows = st.lists(row, min_size=1, max_size=60)


def assert_equal(left, right):
    assert left.rows.tolist() == right.rows.tolist()
    for name in left.bins.features:
        assert left.counts[name].tolist() == right.counts[name].tolist()
        assert left.missing[name].tolist() == right.missing[name].tolist()
    for name in left.bins.edges:
        np.testing.assert_array_equal(left.low[name], right.low[name])
        np.testing.assert_array_equal(left.high[name], right.high[name])
    np.testing.assert_allclose(left.products, right.products, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(rows)
def test_the_merged_days_are_the_profile_of_the_whole(items):
    by_day, whole = profile_days(table(items), BINS), profile_days(table(items, one_day=True), BINS)
    assert_equal(by_day.merged(), whole)
    assert {word for day in by_day.newcomers for word in day.get("word", ())} == {
        word for *_, word in items if word not in (None, "a", "b")
    }


@settings(max_examples=40, deadline=None)
@given(rows, st.integers(0, 60))
def test_parts_of_the_rows_add_up_in_any_order(items, cut):
    parts = [profile_days(table(part), BINS) for part in (items[:cut], items[cut:]) if part]
    whole = profile_days(table(items), BINS)
    assert_equal(sum(parts[1:], parts[0]), whole)
    assert_equal(sum(parts[:-1], parts[-1]), whole)


def test_other_bins_are_refused():
    items = [(0, 1.0, 1.0, "a")]
    others = Bins(BINS.edges, BINS.categories, BINS.scales)
    with pytest.raises(ValueError, match="same bins"):
        profile_days(table(items), BINS) + profile_days(table(items), others)


def test_days_without_rows_are_empty():
    profile = profile_days(table([(1, 1.0, 1.0, "a")]), BINS).on([FIRST, FIRST + dt.timedelta(days=1)])
    assert profile.rows.tolist() == [0, 1]
    assert profile.counts["word"].tolist() == [[0, 0, 0], [1, 0, 0]]
    assert np.isnan(profile.low["number"][0])
