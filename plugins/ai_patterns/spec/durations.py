"""Durations as people write them: `45s`, `5m`, `3h`, `30d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(value: object) -> timedelta:
    """Read a duration of one number and one unit of `s`, `m`, `h` or `d`.

    Raises:
        ValueError: the text has another form.

    >>> parse_duration("90m")
    datetime.timedelta(seconds=5400)
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+)([smhd])", str(value))
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write a number and s, m, h or d, such as 45s, 3h or 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def format_duration(value: timedelta) -> str:
    """Write a duration with its largest exact unit.

    >>> format_duration(timedelta(hours=3)), format_duration(timedelta(days=30))
    ('3h', '30d')
    """
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
