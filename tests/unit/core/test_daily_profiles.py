"""Profiles merge by addition: merging the days is profiling the whole."""

import datetime as dt
from functools import reduce

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.core.daily_profiles import Profile, merge, profile_days, reference_edges

FIRST = dt.date(2024, 1, 1)
EDGES = {"number": (0.0, 1.0, 2.5)}

values = st.one_of(st.none(), st.just(float("nan")), st.sampled_from([-3.0, 0.0, 0.5, 1.0, 2.0, 2.5, 9.0]))
rows = st.lists(st.tuples(st.integers(0, 3), values, st.sampled_from([None, "a", "b", "c"])), min_size=1, max_size=60)


def table(items, one_day=False):
    days = [FIRST if one_day else FIRST + dt.timedelta(days=day) for day, _, _ in items]
    return pa.table(
        {
            "day": pa.array(days, pa.date32()),
            "number": pa.array([number for _, number, _ in items], pa.float64()),
            "word": pa.array([word for _, _, word in items], pa.string()),
        }
    )


@settings(max_examples=25, deadline=None)
@given(rows)
def test_the_merged_days_are_the_profile_of_the_whole(items):
    by_day = profile_days(table(items), EDGES, ["word"])
    (whole,) = profile_days(table(items, one_day=True), EDGES, ["word"]).values()
    assert merge(day["number"] for day in by_day.values()) == whole["number"]
    assert merge(day["word"] for day in by_day.values()) == whole["word"]


profiles = st.builds(
    lambda missing, bins, low: Profile(
        sum(bins) + missing, missing, (0.0, 1.0), bins, {low: bins[0]} if bins[0] else {}, low, low + 1
    ),
    st.integers(0, 9),
    st.tuples(*[st.integers(0, 9)] * 3),
    st.sampled_from([-2.0, -1.0]),
)


@given(st.lists(profiles, min_size=1, max_size=6), st.randoms())
def test_merge_is_associative_and_commutative(items, random):
    backwards = reduce(lambda left, right: right + left, items)
    shuffled = random.sample(items, len(items))
    assert merge(items) == backwards == merge(shuffled) == merge([merge(items[:2]), merge(items[2:])])


def test_an_empty_profile_changes_nothing():
    profile = Profile(3, 1, counts={"a": 2})
    assert merge([profile, Profile()]) == profile
    assert Profile().missing_share == Profile().frequent_share == 0.0


def test_other_edges_are_refused():
    with pytest.raises(ValueError, match="same bin edges"):
        Profile(1, 0, (0.0,), (1, 0)) + Profile(1, 0, (1.0,), (1, 0))


def test_bins_are_closed_on_the_right_and_nan_is_missing():
    items = [(0, value, "a") for value in (0.0, 0.1, 1.0, 2.5, 2.6, float("nan"), None)]
    (profile,) = profile_days(table(items), EDGES, ["word"]).values()
    assert profile["number"].bins == (1, 2, 1, 1)
    assert profile["number"].missing == 2
    assert (profile["number"].minimum, profile["number"].maximum) == (0.0, 2.6)


def test_edges_split_the_reference_evenly():
    items = [(0, float(number), "a") for number in range(100)]
    edges = reference_edges(table(items), ["number"])
    (profile,) = profile_days(table(items), edges).values()
    assert profile["number"].bins == (10,) * 10


def test_a_column_without_values_and_one_with_a_quote_in_its_name():
    rows = table([(0, None, None)]).rename_columns(["day", 'a"b', "word"])
    (profile,) = profile_days(rows, reference_edges(rows, ['a"b']), ["word"]).values()
    assert profile['a"b'].missing == profile["word"].missing == 1
    assert profile['a"b'].minimum is None
