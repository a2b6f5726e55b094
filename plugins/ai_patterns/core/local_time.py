"""Local time of many instants, by the rules of the IANA time zone database or at a fixed offset."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from ai_patterns.spec.time_zones import time_zone

Instants = np.ndarray[Any, np.dtype[Any]]
"""`datetime64[us]`, NaT where missing."""

Offsets = np.ndarray[Any, np.dtype[Any]]
"""`timedelta64[us]`, NaT where missing."""

_FIRST, _LAST = np.datetime64("0001-01-02", "us"), np.datetime64("9999-12-30", "us")
"""Instants whose local time is a `datetime` in every zone; outside them the offset is that of the nearest."""


def local_time(instants: Instants, zone: str) -> Instants:
    """What a clock in `zone` shows at each instant, which is in UTC.

    The offset is looked up at both ends of each UTC day, and at each instant only on the days where it changes: no
    zone has ever changed it twice on one day.

    >>> local_time(np.array(["2013-03-10T06:59", "2013-03-10T07:00"], "datetime64[us]"), "America/New_York").tolist()
    [datetime.datetime(2013, 3, 10, 1, 59), datetime.datetime(2013, 3, 10, 3, 0)]

    Raises:
        ZoneInfoNotFoundError: there is no such zone.
        ValueError: it is neither a name nor an offset.
    """
    rules = time_zone(zone)
    days, place = np.unique(instants.astype("datetime64[D]"), return_inverse=True)
    starts = days.astype("datetime64[us]")
    first, last = _offsets(starts, rules), _offsets(starts + np.timedelta64(86_399_999_999, "us"), rules)
    offsets, changes = first[place], (first != last)[place]
    offsets[changes] = _offsets(instants[changes], rules)
    return instants + offsets


def _offsets(instants: Instants, zone: dt.tzinfo) -> Offsets:
    known: list[dt.datetime | None] = np.clip(instants, _FIRST, _LAST).tolist()
    found = [at and at.replace(tzinfo=dt.UTC).astimezone(zone).utcoffset() for at in known]
    return np.array(found, "timedelta64[us]")
