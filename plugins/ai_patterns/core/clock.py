"""What counts as now: the wall's clock, or a simulated one in a replay."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Clock = Callable[[], dt.datetime]


_reading_at: ContextVar[dt.datetime | None] = ContextVar("reading_at", default=None)

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


@contextlib.contextmanager
def reading_at(instant: dt.datetime) -> Iterator[None]:
    """Online reads within are as of `instant` (UTC) instead of now."""
    token = _reading_at.set(instant)
    try:
        yield
    finally:
        _reading_at.reset(token)


def reading_instant() -> dt.datetime:
    """The instant as of which an online read is made, UTC."""
    return _reading_at.get() or utc_now()
