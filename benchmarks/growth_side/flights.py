"""Many times the flights: each copy has planes and flight numbers of its own, and leaves some minutes later."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ai_patterns.clients.sources import open_source
from ai_patterns.core.days import Days
from ai_patterns.core.sessions import connect
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec

EXAMPLE = Path("include/systems/flights")
MARGIN = dt.timedelta(days=2)
"""A flight is known a day ahead, and lands at most a day and a delay later."""

_COPIES = """
SELECT f.* REPLACE (
  copy * 10000 + flight AS flight,
  tailnum || CASE WHEN copy = 0 THEN '' ELSE '-' || copy END AS tailnum,
  (minute + 7 * copy) % 60 AS minute
)
FROM flights AS f, range($times) AS copies(copy)
WHERE make_date(year, month, day) BETWEEN $first AND $last
"""


def write_system(folder: Path) -> SystemSpec:
    """The example, whose flight numbers may have seven digits; the first copy is the real flights."""
    shutil.copytree(EXAMPLE, folder / "flights", dirs_exist_ok=True)
    spec = folder / "flights" / "system.yaml"
    text = spec.read_text("utf-8")
    longer = text.replace('"[0-9]{1,4}"', '"[0-9]{1,7}"')
    if longer == text:
        raise SystemExit(f"{EXAMPLE} no longer declares the flight number as this benchmark expects it")
    spec.write_text(longer, "utf-8")
    return load_system(folder / "flights")


def real_flights(system: SystemSpec) -> pa.Table:
    """The flights as the package has them."""
    return open_source("flights", system.sources["flights"], system.folder).read()


def rows_by_day(flights: pa.Table, times: int) -> dict[dt.date, int]:
    """How many rows each day has."""
    with connect() as connection:
        connection.register("flights", flights)
        sql = "SELECT make_date(year, month, day), count(*) FROM flights GROUP BY 1"
        return {day: count * times for day, count in connection.execute(sql).fetchall()}


def write_flights(flights: pa.Table, times: int, days: Days, file: Path) -> None:
    """Write the flights that may become known on these days, as often as `times` says."""
    span = {"times": times, "first": days.first - MARGIN, "last": days.last + MARGIN}
    with connect() as connection:
        connection.register("flights", flights)
        pq.write_table(connection.sql(_COPIES, params=span).to_arrow_table(), file)
