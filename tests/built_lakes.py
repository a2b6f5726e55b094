"""Lakes with all that a backfill computes, and their rows in a form that compares."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.feedback import join_labels
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.spec.system import SystemSpec
from shop import orders, shop

STAMPS = {"run_id", "quarantined_at"}


def derived(system: SystemSpec) -> list[str]:
    """The tables that a backfill may replace."""
    tables = [f"{part}/{name}" for part in ("events", "quarantine") for name in system.streams]
    return [*tables, *(f"{part}/{name}" for part in ("tiles", "values") for name in system.groups),
            "training_sets", "labels"]  # fmt: skip


def rows(lake: Lake, table: str) -> dict[dt.date, list[str]]:
    """Every row of every partition, as text in an order of its own; floats keep all their digits."""
    found: dict[dt.date, list[str]] = {}
    read = lake.read(table)
    for row in read.select([name for name in read.column_names if name not in STAMPS]).to_pylist():
        found.setdefault(row["day"], []).append(repr(sorted(row.items())))
    return {day: sorted(found[day]) for day in sorted(found)}


def build(system: SystemSpec, lake: Lake, days: Days) -> None:
    """Compute all that follows from the events."""
    build_features(system, lake, days)
    build_training_set(system, lake, days)
    join_labels(system, lake, days.end)


def built(system: SystemSpec, uri: Path, days: Days) -> Lake:
    """A lake made from the sources as they are."""
    lake = Lake(str(uri), system.name)
    ingest(system, lake, days, run_id=uri.name)
    build(system, lake, days)
    return lake


def shop_lake(tmp_path: Path) -> tuple[SystemSpec, Lake, Days]:
    """A built lake of six days, and a system whose sources have another third day."""
    days = Days.parse("2024-01-01/2024-01-06")
    lines = {day: orders(40, str(day)) for day in days}
    lake = built(shop(tmp_path, [line for each in lines.values() for line in each]), tmp_path / "lake", days)
    third = dt.date(2024, 1, 3)
    lines[third] = [line.replace(",north,", ",south,") for line in lines[third][1:]]
    return shop(tmp_path, [line for each in lines.values() for line in each]), lake, days


def content(lake: Lake, system: SystemSpec) -> str:
    """All tables from one side of any backfill, as one text."""
    return repr(lake.consistently(lambda: {table: rows(lake, table) for table in derived(system)}))
