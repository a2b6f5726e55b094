"""What counts as now: the wall's clock, or a simulated one in a replay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

Clock = Callable[[], dt.datetime]


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def to_microseconds(instant: dt.datetime) -> int:
    """Microseconds since 1970, UTC.

    >>> to_microseconds(dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC))
    1000000
    """
    return (instant - _EPOCH) // dt.timedelta(microseconds=1)


def utc_now() -> dt.datetime:
    """The clock of the wall, UTC."""
    return dt.datetime.now(dt.UTC)
