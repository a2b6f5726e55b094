"""What one pass over the rows counts."""

import numpy as np
import pyarrow as pa
import pytest

from ai_patterns.core.daily_profiles import NEWCOMERS, REACH
from ai_patterns.core.profiling import profile_days
from ai_patterns.core.row_batches import BATCH
from profiled_rows import BINS, table


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


def test_many_rows_in_any_order_are_counted_as_numpy_counts_them():
    rng, count = np.random.default_rng(3), 3 * BATCH + 17
    day, number = rng.integers(0, 5, count), np.round(rng.normal(size=count), 1)
    number[rng.random(count) < 0.1] = np.nan
    word = rng.choice(["a", "b", "c", ""], count)
    rows = table([*zip(day.tolist(), number.tolist(), number.tolist(), word.tolist(), strict=True)])
    profile = profile_days(rows, BINS)
    bins = np.searchsorted(BINS.edges["number"], number)
    for place in range(5):
        here = day == place
        present = here & ~np.isnan(number)
        assert profile.rows[place] == here.sum()
        assert profile.missing["number"][place] == (here & np.isnan(number)).sum()
        assert profile.counts["number"][place].tolist() == np.bincount(bins[present], minlength=4).tolist()
        assert profile.low["number"][place] == number[present].min()
        assert profile.high["number"][place] == number[present].max()
        assert profile.counts["word"][place].tolist() == [(word[here] == one).sum() for one in "abc"]
        assert profile.missing["word"][place] == (word[here] == "").sum()
    assert {tuple(day["word"]) for day in profile.newcomers} == {("c",)}


def test_an_infinite_value_is_in_an_outer_bin():
    profile = profile_days(table([(0, float("inf"), float("-inf"), "a")]), BINS)
    assert profile.counts["number"].tolist() == [[0, 0, 0, 1]]
    assert profile.counts["other"].tolist() == [[1, 0]]
    assert profile.products[0].tolist() == [
        [1, REACH, -REACH],
        [REACH, REACH**2, -(REACH**2)],
        [-REACH, -(REACH**2), REACH**2],
    ]


def test_the_most_frequent_unknown_categories_are_kept_by_name():
    names = [f"new {number}" for number in range(2 * NEWCOMERS)]
    rows = table([(0, 1.0, 1.0, name) for place, name in enumerate(names) for _ in range(1 + place)])
    (found,) = profile_days(rows, BINS).newcomers
    assert found["word"] == tuple(reversed(names[NEWCOMERS:]))


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_words_are_counted_whatever_holds_them(kind):
    rows = table([(0, 1.0, 1.0, word) for word in ("a", "b", "b", "new", None, "")])
    stored = rows.set_column(3, "word", rows["word"].cast(kind))
    profile = profile_days(stored, BINS)
    assert (profile.counts["word"].tolist(), profile.missing["word"].tolist()) == ([[1, 2, 1]], [2])


def test_without_rows_there_are_no_days():
    profile = profile_days(table([(0, 1.0, 1.0, "a")]).slice(0, 0), BINS)
    assert (profile.days, profile.counts["number"].shape) == ((), (0, 4))
