"""What OpenLineage is told of a task: tables with their versions, and the features behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.recorded_lake import RecordedLake
from ai_patterns.core.days import Days
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.operators.open_lineage import GROUP, PARTITION, lineage_of
from shop import orders, shop

DAY = Days.parse("2024-01-01")


@pytest.fixture
def told(tmp_path: Path):
    """What is told of a task that built the features of a day."""
    system, plain = shop(tmp_path, orders(20)), Lake(str(tmp_path / "lake"), "shop")
    ingest(system, plain, DAY, run_id="first")
    lake = RecordedLake.over(plain)
    build_features(system, lake, DAY)
    return lineage_of(system, lake, None, str(DAY))


def test_what_was_read_and_what_was_written(told, tmp_path: Path) -> None:
    events = {each.name: each for each in told.inputs}[f"{tmp_path}/lake/shop/events/orders"]
    assert (events.namespace, events.facets["version"].datasetVersion) == ("file", "1")
    written = {each.name.removeprefix(f"{tmp_path}/lake/shop/"): each for each in told.outputs}
    assert set(written) == {"tiles/shop_now", "values/shop_now"}
    names = {field.name for field in written["values/shop_now"].facets["schema"].fields}
    assert {"shop", "day"} <= names


def test_the_facets_name_features_and_partition(told) -> None:
    facet = next(each for each in told.outputs if each.name.endswith("values/shop_now")).facets[GROUP]
    assert (facet.system, facet.stream, facet.entity) == ("shop", "orders", ["shop"])
    assert facet.features
    assert (told.run_facets[PARTITION].system, told.run_facets[PARTITION].days) == ("shop", "2024-01-01")


def test_a_table_that_was_only_looked_at_after_its_write_is_no_input(tmp_path: Path) -> None:
    system, plain = shop(tmp_path, orders(20)), Lake(str(tmp_path / "lake"), "shop")
    lake = RecordedLake.over(plain)
    ingest(system, lake, DAY, run_id="first")
    assert lake.version("events/orders") == lake.touched.written["events/orders"].number
    assert "events/orders" not in lake.touched.read
