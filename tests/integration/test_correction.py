"""The right rows of a day may come from anywhere: what follows from them is as if the sources had been right."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.backfill import backfill
from ai_patterns.jobs.correction import Correction, Origin
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.landed_events import landed_schema
from ai_patterns.spec.system import SystemSpec
from built_lakes import built, content
from shop import order, orders, shop

DAYS, SECOND = Days.parse("2024-01-01/2024-01-04"), Days.parse("2024-01-02")
FIX = "SELECT * REPLACE ('500' AS price) FROM quarantined"


def shop_of(folder: Path, price: float) -> SystemSpec:
    """A shop whose second day has an order of this price; prices below 0 go to quarantine."""
    others = [line for day in DAYS for line in orders(8, str(day), first=1)]
    return shop(folder, [order(0, str(SECOND), price=price), *others], topic="orders")


def landed(system: SystemSpec, lake: Lake, right: Lake) -> None:
    """Write the right day as the landing writes what came from a topic."""
    events = right.read("events/orders", SECOND)
    places = {"topic_partition": pa.array([0] * events.num_rows), "topic_offset": pa.array(range(events.num_rows))}
    columns = {**{name: events[name] for name in events.column_names}, **places}
    schema = landed_schema(system.streams["orders"])
    lake.replace_days("landed/orders", pa.table(columns).select(schema.names).cast(schema), SECOND)


@pytest.mark.parametrize(
    ("origin", "wrong", "fix_sql"), [("topics", 5, None), ("quarantine", -5, FIX), ("lake", 5, None)]
)
def test_what_follows_equals_a_rebuild(tmp_path: Path, origin: Origin, wrong: float, fix_sql: str | None) -> None:
    lake = built(shop_of(tmp_path / "wrong", wrong), tmp_path / "lake", DAYS)
    system = shop_of(tmp_path / "right", 500)
    right = built(system, tmp_path / "rebuilt", DAYS)
    assert content(lake, system) != content(right, system)
    if origin == "topics":
        landed(system, lake, right)
    if origin == "lake":
        ingest(system, lake, SECOND, run_id="by hand")
    # Only what the origin has is read: the sources are still wrong, but where the events are right already.
    asked = system if origin == "lake" else shop_of(tmp_path / "wrong", wrong)
    replaced = backfill(asked, lake, Correction.of(asked, SECOND, origin=origin, fix_sql=fix_sql))
    assert content(lake, system) == content(right, system)
    assert ("events/orders" in replaced) == (origin != "lake")
    assert "tiles/shop_now" in replaced
