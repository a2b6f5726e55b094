"""Profiles merge by addition: merging the days is profiling the whole."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.core.bins import LATTICE, QUANTILES, SAMPLE, Bins, fit_bins, numeric_edges
from ai_patterns.core.daily_profiles import REACH, profile_days

FIRST = dt.date(2024, 1, 1)
BINS = Bins(
    edges={"number": np.array([0.0, 1.0, 2.5]), "other": np.array([0.5])},
    categories={"word": ("a", "b")},
    scales={"number": (0.5, 2.0), "other": (0.0, 1.0)},
)

values = st.one_of(st.none(), st.just(float("nan")), st.sampled_from([-3.0, 0.0, 0.5, 1.0, 2.0, 2.5, 9.0]))
row = st.tuples(st.integers(0, 3), values, values, st.sampled_from([None, "a", "b", "c", "d'd"]))
rows = st.lists(row, min_size=1, max_size=60)


def table(items, one_day=False):
    return pa.table(
        {
            "day": pa.array([FIRST + dt.timedelta(days=0 if one_day else day) for day, *_ in items], pa.date32()),
            "number": pa.array([number for _, number, _, _ in items], pa.float64()),
            "other": pa.array([other for _, _, other, _ in items], pa.float64()),
            "word": pa.array([word for *_, word in items], pa.string()),
        }
    )


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


def test_bins_are_closed_on_the_right_and_nan_is_missing():
    items = [(0, value, None, "a") for value in (0.0, 0.1, 1.0, 2.5, 2.6, float("nan"), None)]
    profile = profile_days(table(items), BINS)
    assert profile.counts["number"].tolist() == [[1, 2, 1, 1]]
    assert profile.missing["number"].tolist() == [2]
    assert (profile.low["number"][0], profile.high["number"][0]) == (0.0, 2.6)


def test_products_are_those_of_the_scaled_values():
    items = [(0, 2.5, 1.0, "a"), (0, None, 0.5, "a"), (0, 1000.0, -1.0, "a")]
    scaled = np.array([[1, (2.5 - 0.5) / 2, 1.0], [1, 0, 0.5], [1, REACH, -1.0]])
    np.testing.assert_allclose(profile_days(table(items), BINS).products[0], scaled.T @ scaled)


def test_days_without_rows_are_empty():
    profile = profile_days(table([(1, 1.0, 1.0, "a")]), BINS).on([FIRST, FIRST + dt.timedelta(days=1)])
    assert profile.rows.tolist() == [0, 1]
    assert profile.counts["word"].tolist() == [[0, 0, 0], [1, 0, 0]]
    assert np.isnan(profile.low["number"][0])


class TestEdges:
    def test_each_of_few_values_and_each_gap_between_has_a_bin(self):
        rows = table([(0, value, 0.0, "a") for value in (1.0, 2.0, 2.0, 3.0)])
        bins = fit_bins(rows, ["number"], ["word"])
        seen = profile_days(table([(0, value, 0.0, "a") for value in (0.0, 1.0, 1.5, 2.0, 3.0, 4.0)]), bins)
        assert seen.counts["number"].tolist() == [[1, 1, 1, 1, 0, 1, 1]]

    def test_many_values_are_split_evenly_and_a_frequent_one_stands_alone(self):
        numbers = np.concatenate([np.arange(4 * LATTICE) / 7, np.full(2 * LATTICE, 50.25)])
        edges = numeric_edges(numbers)
        counts = np.bincount(np.searchsorted(edges, numbers), minlength=len(edges) + 1)
        assert counts.max() == 2 * LATTICE
        assert np.sort(counts)[-2] <= 2 * len(numbers) / QUANTILES

    def test_of_many_rows_the_same_sample_is_taken_whatever_holds_them(self, tmp_path):
        rng, count = np.random.default_rng(5), SAMPLE + 50_000
        rows = pa.table({"number": rng.normal(size=count), "flag": rng.random(count) < 0.25})
        pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=70_000)
        held, stored = (fit_bins(found, ["number", "flag"]) for found in (rows, ds.dataset(tmp_path / "rows.parquet")))
        assert held.edges["number"].tolist() == stored.edges["number"].tolist()
        assert len(held.edges["flag"]) == 4
        np.testing.assert_allclose(held.scales["number"], (0, 1), atol=0.02)

    def test_a_column_without_values_a_constant_one_and_one_with_a_quote_in_its_name(self):
        items = table([(0, None, 3.0, None)] * 3).rename_columns(["day", 'a"b', "same", "word"])
        bins = fit_bins(items, ['a"b', "same"], ["word"])
        profile = profile_days(items, bins)
        assert profile.missing['a"b'].tolist() == profile.missing["word"].tolist() == [3]
        assert profile.counts["same"].tolist() == [[0, 3, 0]]
