"""Time zones by name, or by their distance from UTC."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


def time_zone(name: str) -> dt.tzinfo:
    """Rules of a zone of the IANA database, or a fixed offset.

    Raises:
        ZoneInfoNotFoundError: there is no zone of that name.
        ValueError: it is no name, or an offset of a day or more.
        OSError: it names a folder of the database.

    >>> time_zone("Europe/Paris"), time_zone("-05:30").utcoffset(None)
    (zoneinfo.ZoneInfo(key='Europe/Paris'), datetime.timedelta(days=-1, seconds=66600))
    """
    found = _OFFSET.fullmatch(name)
    if found is None:
        return ZoneInfo(name)
    offset = dt.timedelta(hours=int(found[2]), minutes=int(found[3]))
    return dt.timezone(offset if found[1] == "+" else -offset)
