"""The docks' features by plain loops over the raw file, with none of the package's code."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from systems.docks.make_data import BROKEN_COUNTER, STATIONS

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
LEAD = dt.timedelta(minutes=15)
REPORTED_AFTER = dt.timedelta(minutes=70)
BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True)
class Hour:
    """One line of the raw file."""

    station: int
    hour: dt.datetime
    rides: float
    temperature: float | None

    @property
    def counted(self) -> dt.datetime:
        """When it had ended."""
        return self.hour + HOUR

    @property
    def reported(self) -> dt.datetime:
        """When it became known."""
        return self.hour + REPORTED_AFTER


def read_hours(file: Path) -> list[Hour]:
    """The hours of counters that worked."""
    with file.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if int(row["rides"]) != BROKEN_COUNTER]
    return [
        Hour(
            int(row["station"]),
            dt.datetime.fromisoformat(row["hour"]).replace(tzinfo=dt.UTC),
            float(row["rides"]),
            float(row["temperature"]) if row["temperature"] else None,
        )
        for row in rows
    ]


def features_by_hand(hours: list[Hour], station: int, hour: dt.datetime) -> dict[str, float | None]:
    """The features of one decision, by the definitions in the spec."""
    at, local = hour - LEAD, hour.astimezone(BERLIN)
    known = [row for row in hours if row.reported <= at]
    here = [row for row in known if row.station == station]
    short, week, day = ([row.rides for row in here if row.counted + span > at] for span in (3 * HOUR, 7 * DAY, DAY))
    city = _mean([row.rides for row in _in_whole_days(hours, at, 7)])
    docks, hill = STATIONS[station]
    return {
        "station__rides_3h": _mean(short),
        "station__rides_7d": _mean(week),
        "station__total_1d": sum(day),
        "station__least_1d": min(day, default=None),
        "station__most_1d": max(day, default=None),
        "city__rides_7d": city,
        "air__warmth_6h": max(known, key=lambda row: (row.counted, row.station)).temperature,
        "above_city": None if city is None else _mean(week) - city,
        "place__docks": float(docks),
        "place__hill": hill,
        "local_hour": float(local.hour),
        "weekend": float(local.weekday() >= 5),
    }


def _in_whole_days(hours: list[Hour], at: dt.datetime, days: int) -> list[Hour]:
    """What a batch layer of a day's hop knows: whole days, each hour once the day of its report is over."""
    midnight = dt.datetime.combine(at.date(), dt.time(), dt.UTC)
    return [row for row in hours if row.reported < midnight and midnight - days * DAY < row.counted <= midnight]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
