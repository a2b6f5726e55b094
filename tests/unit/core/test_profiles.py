"""Profiles of two parts merge into the profile of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.core.profiles import profile_column

VALUES = st.lists(st.one_of(st.just(float("nan")), st.floats(-1e3, 1e3)), max_size=40)
EDGES = [-10.0, 0.0, 10.0]


@given(VALUES, VALUES)
def test_merging_is_profiling_the_whole(first: list[float], second: list[float]) -> None:
    parts = [profile_column(np.array(part, dtype=float), EDGES) for part in (first, second)]
    merged, whole = parts[0].merge(parts[1]), profile_column(np.array(first + second, dtype=float), EDGES)
    assert (merged.count, merged.missing, merged.counts) == (whole.count, whole.missing, whole.counts)
    assert merged.mean == pytest.approx(whole.mean, abs=1e-9)
    assert merged.squares == pytest.approx(whole.squares, abs=1e-4)


def test_quantile_bins_hold_equal_shares() -> None:
    assert profile_column(np.arange(2000.0)).counts == (100,) * 20


def test_other_edges_do_not_merge() -> None:
    with pytest.raises(ValueError, match="share their edges"):
        profile_column(np.arange(10.0), [1.0]).merge(profile_column(np.arange(10.0), [2.0]))
