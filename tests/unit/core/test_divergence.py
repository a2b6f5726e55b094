"""The distances agree with scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, entropy, ks_2samp

from ai_patterns.core.divergence import chi_square, jensen_shannon, kolmogorov_smirnov, psi

filled = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=2, max_size=30)
sparse = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=30).filter(
    lambda pairs: any(a for a, _ in pairs) and any(b for _, b in pairs)
)


@given(filled)
def test_psi_is_the_sum_of_both_relative_entropies(pairs):
    reference, window = map(np.array, zip(*pairs, strict=True))
    r, w = reference / reference.sum(), window / window.sum()
    if min(r.min(), w.min()) > 1e-4:
        assert psi(reference, window) == pytest.approx(entropy(w, r) + entropy(r, w), abs=1e-12)


@given(sparse)
def test_jensen_shannon_is_scipys(pairs):
    reference, window = zip(*pairs, strict=True)
    assert jensen_shannon(reference, window) == pytest.approx(jensenshannon(reference, window, base=2), abs=1e-7)


@given(sparse)
def test_kolmogorov_smirnov_is_scipys_on_binned_samples(pairs):
    reference, window = zip(*pairs, strict=True)
    samples = [np.repeat(np.arange(len(counts)), counts) for counts in (reference, window)]
    expected = ks_2samp(*samples, method="asymp").statistic
    assert kolmogorov_smirnov(reference, window) == pytest.approx(expected, abs=1e-12)


@given(filled)
def test_chi_square_is_scipys(pairs):
    reference, window = zip(*pairs, strict=True)
    expected = chi2_contingency([reference, window], correction=False).statistic
    assert chi_square(reference, window) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("distance", [psi, jensen_shannon, kolmogorov_smirnov, chi_square])
def test_equal_shares_have_no_distance(distance):
    assert distance([10, 0, 30], [20, 0, 60]) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("distance", [psi, jensen_shannon, kolmogorov_smirnov, chi_square])
def test_an_empty_histogram_gives_a_finite_distance(distance):
    assert np.isfinite(distance([0, 0], [1, 2]))
