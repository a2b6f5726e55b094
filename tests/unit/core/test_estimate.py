"""An estimate carries the largest of its own recent errors, and labels overrule it."""

import datetime as dt

from ai_patterns.core.estimate import RECENT, with_bands

FIRST = dt.date(2024, 1, 7)


def weeks(*pairs):
    return with_bands([(FIRST + dt.timedelta(weeks=n), *pair) for n, pair in enumerate(pairs)])


def test_the_band_is_the_largest_error_of_the_labelled_weeks_before():
    found = weeks((0.2, 0.25), (0.2, 0.1), (0.2, None), (0.2, 0.2))
    assert [item.band and round(item.band, 9) for item in found] == [None, 0.05, 0.1, 0.1]
    assert [item.weeks for item in found] == [0, 1, 2, 2]
    assert found[2].measured is None


def test_an_old_error_is_forgotten():
    found = weeks((0.2, 0.9), *[(0.2, 0.21)] * RECENT, (0.2, None))
    assert round(found[RECENT].band, 9) == 0.7
    assert round(found[-1].band, 9) == 0.01
