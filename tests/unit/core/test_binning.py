"""A bin looked up is the bin searched for, on any edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ai_patterns.core.binning import CELLS, CROWD, Binning
from ai_patterns.core.bins import numeric_edges

anything = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)


def neighbours(edges):
    with np.errstate(over="ignore"):
        return np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)


def assert_found(edges, values):
    expected = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values))
    np.testing.assert_array_equal(Binning(edges)(values), expected)


@settings(max_examples=300, deadline=None)
@given(arrays(np.float64, st.integers(1, 40), elements=finite, unique=True), st.data())
def test_every_value_lies_where_a_search_puts_it(edges, data):
    edges = np.sort(edges)
    values = data.draw(
        arrays(np.float64, st.integers(0, 40), elements=st.one_of(anything, st.sampled_from(list(edges))))
    )
    assert_found(edges, np.concatenate([values, edges, *neighbours(edges)]))


@pytest.mark.parametrize(
    "edges",
    [
        np.array([0.0]),
        np.array([-1.7e308, 1.7e308]),
        np.array([5e-324, 1e-323]),
        np.append(np.linspace(0, 1, 2 * CROWD), 1e9),
        np.linspace(0, 1, 3 * CELLS),
    ],
    ids=["one", "widest", "narrowest", "crowded", "more than cells"],
)
def test_edges_that_no_table_suits_are_searched(edges):
    assert_found(edges, np.concatenate([edges, *neighbours(edges), [np.nan, np.inf, -np.inf]]))


def test_bins_of_flights_delays_are_those_of_a_search():
    rng = np.random.default_rng(8)
    delays = np.round(rng.gamma(0.7, 40, 50_000) - 15)
    assert_found(numeric_edges(delays), np.append(delays, delays + 0.5))
