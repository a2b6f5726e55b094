"""What counts as now: the wall's clock, or a simulated one in a replay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    """The clock of the wall, UTC."""
    return dt.datetime.now(dt.UTC)
