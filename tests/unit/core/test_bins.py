"""Bins that fit what was seen, whatever holds it."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from ai_patterns.core import bins as module
from ai_patterns.core.bins import LATTICE, QUANTILES, SAMPLE, fit_bins, numeric_edges
from ai_patterns.core.profiling import profile_days
from profiled_rows import FIRST, table


def test_each_of_few_values_and_each_gap_between_has_a_bin():
    rows = table([(0, value, 0.0, "a") for value in (1.0, 2.0, 2.0, 3.0)])
    bins = fit_bins(rows, ["number"], ["word"])
    seen = profile_days(table([(0, value, 0.0, "a") for value in (0.0, 1.0, 1.5, 2.0, 3.0, 4.0)]), bins)
    assert seen.counts["number"].tolist() == [[1, 1, 1, 1, 0, 1, 1]]


def test_many_values_are_split_evenly_and_a_frequent_one_stands_alone():
    numbers = np.concatenate([np.arange(4 * LATTICE) / 7, np.full(2 * LATTICE, 50.25)])
    edges = numeric_edges(numbers)
    counts = np.bincount(np.searchsorted(edges, numbers), minlength=len(edges) + 1)
    assert counts.max() == 2 * LATTICE
    assert np.sort(counts)[-2] <= 2 * len(numbers) / QUANTILES


def test_of_many_rows_the_same_sample_is_taken_whatever_holds_them(tmp_path):
    rng, count = np.random.default_rng(5), SAMPLE + 50_000
    rows = pa.table({"number": rng.normal(size=count), "flag": rng.random(count) < 0.25})
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=70_000)
    held, stored = (fit_bins(found, ["number", "flag"]) for found in (rows, ds.dataset(tmp_path / "rows.parquet")))
    assert held.edges["number"].tolist() == stored.edges["number"].tolist()
    assert len(held.edges["flag"]) == 4
    np.testing.assert_allclose(held.scales["number"], (0, 1), atol=0.02)


def test_a_column_without_values_a_constant_one_and_one_with_a_quote_in_its_name():
    items = table([(0, None, 3.0, None)] * 3).rename_columns(["day", 'a"b', "same", "word"])
    bins = fit_bins(items, ['a"b', "same"], ["word"])
    profile = profile_days(items, bins)
    assert profile.missing['a"b'].tolist() == profile.missing["word"].tolist() == [3]
    assert profile.counts["same"].tolist() == [[0, 3, 0]]


def test_rows_from_a_day_on_are_left_out():
    rows = table([(0, 1.0, 0.0, "a"), (1, 2.0, 0.0, "b"), (2, 3.0, 0.0, "c")])
    found = fit_bins(rows, ["number"], ["word"], before=FIRST + dt.timedelta(days=2))
    past = fit_bins(rows.slice(0, 2), ["number"], ["word"])
    assert found.edges["number"].tolist() == past.edges["number"].tolist()
    assert found.categories == past.categories == {"word": ("a", "b")}


def test_of_very_many_categories_the_frequent_ones_are_remembered(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    counter = module.Counter()
    for number in range(100):
        module.add_counts(counter, {"often": 2, f"once {number}": 1})
    assert counter["often"] == 200
    assert len(counter) <= 6
