"""Writes the docks' raw files: 60 days of three bike stations, the same rows every time."""

from __future__ import annotations

import csv
import datetime as dt
import math
import random
from pathlib import Path

DAYS = 60
FIRST = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
STATIONS = {11: (20, 0.0), 12: (35, 12.5), 47: (15, None)}
BROKEN_COUNTER = -1


def write_data(folder: Path) -> None:
    """Write `hours.csv` (4,320 rows, 10 of a broken counter) and `stations.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "stations.csv", ["station", "docks", "hill"], [(s, *facts) for s, facts in STATIONS.items()])
    _write(folder / "hours.csv", ["station", "hour", "rides", "temperature"], _hours())


def _hours() -> list[tuple[object, ...]]:
    chance = random.Random(20240301)  # data, no secret
    rows: list[tuple[object, ...]] = []
    for number in range(24 * DAYS):
        hour = FIRST + dt.timedelta(hours=number)
        warmth = 8 + number / 240 + 6 * math.sin((hour.hour - 9) / 24 * 2 * math.pi) + chance.gauss(0, 1)
        for station, (docks, hill) in STATIONS.items():
            rush = 2.0 if hour.weekday() < 5 and hour.hour in (6, 7, 15, 16) else 0.8 + (5 <= hour.hour < 20) * 0.6
            wanted = docks / 5 * rush * (1 + warmth / 30) * (0.8 if hill else 1.0) + chance.gauss(0, 1)
            rides = BROKEN_COUNTER if station == 12 and 500 <= number < 510 else max(0, round(wanted))
            temperature = "" if number % 97 == 0 else round(warmth, 1)
            rows.append((station, hour.strftime("%Y-%m-%d %H:%M:%S"), rides, temperature))
    return rows


def _write(path: Path, header: list[str], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(header)
        lines.writerows(rows)
