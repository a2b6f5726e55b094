"""Local time is what Arrow, which reads the same database in its own way, says it is."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.core.local_time import local_time

CHANGES = {
    "America/New_York": dt.datetime(2013, 3, 10, 7),
    "Europe/Berlin": dt.datetime(2013, 3, 31, 1),
    "Pacific/Apia": dt.datetime(2011, 12, 30, 10),  # by a whole day
    "Australia/Lord_Howe": dt.datetime(2013, 4, 6, 15),  # by half an hour
}
ZONES = [
    *CHANGES,
    "UTC",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Europe/Dublin",
    "Asia/Pyongyang",
    "-05:00",
    "+05:45",
]
INSTANTS = st.datetimes(dt.datetime(1890, 1, 1), dt.datetime(2024, 12, 31)) | st.sampled_from([*CHANGES.values(), None])


def arrow(instants: np.ndarray, zone: str) -> np.ndarray:
    local = pc.local_timestamp(pa.array(instants).cast(pa.timestamp("us", tz=zone)))
    return local.to_numpy(zero_copy_only=False)


@given(zone=st.sampled_from(ZONES), at=st.lists(INSTANTS, max_size=20))
@settings(deadline=None)
def test_any_instants_in_any_zone(zone, at) -> None:
    instants = np.array(at, "datetime64[us]")
    np.testing.assert_array_equal(local_time(instants, zone), arrow(instants, zone))


@pytest.mark.parametrize(("zone", "change"), CHANGES.items())
def test_every_second_around_a_change(zone, change) -> None:
    instants = np.datetime64(change, "us") + np.arange(-3600, 3600).astype("timedelta64[s]")
    found = local_time(instants, zone)
    assert len(set(found - instants)) == 2
    np.testing.assert_array_equal(found, arrow(instants, zone))


def test_beyond_the_years_of_a_calendar_the_nearest_offset_holds() -> None:
    instants = np.array(["-0500-01-01", "0001-01-01", "9999-12-31T23:59:59", "20000-07-01"], "datetime64[us]")
    hours = (local_time(instants, "America/New_York") - instants) / np.timedelta64(1, "h")
    assert hours.round().tolist() == [-5, -5, -5, -5]


def test_a_zone_that_is_none_is_named() -> None:
    with pytest.raises(ZoneInfoNotFoundError, match="Europe/Berlim"):
        local_time(np.array([], "datetime64[us]"), "Europe/Berlim")
