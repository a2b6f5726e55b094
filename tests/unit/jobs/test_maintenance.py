"""Upkeep changes no row, and takes away nothing that a reader may still want."""

import datetime as dt
import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from ai_patterns.cli import main
from ai_patterns.clients import holds
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.maintenance import SAFE, Upkeep, maintain
from ai_patterns.spec.system import SystemSpec
from shop import orders, shop

DAY = Days.parse("2024-01-01")


@pytest.fixture
def system(tmp_path: Path) -> SystemSpec:
    return shop(tmp_path, orders(5))


@pytest.fixture
def lake(tmp_path: Path, system: SystemSpec) -> Lake:
    """Events that were replaced, and twelve small appends to a table."""
    lake = Lake(str(tmp_path / "lake"), system.name)
    for run in ("one", "two"):
        ingest(system, lake, DAY, run_id=run)
    for number in range(12):
        lake.append("performance", pa.table({"number": [number]}))
    return lake


def upkeep(done: list[Upkeep], table: str) -> Upkeep:
    return next(item for item in done if item.table == table)


def age(lake: Lake, days: int) -> None:
    """Make the data files of events that no version holds look as old as this, and the log's commits too."""
    past = dt.datetime.now(dt.UTC).timestamp() - days * 86_400
    folder = Path(lake.path("events/orders"))
    for file in folder.rglob("*.parquet"):
        os.utime(file, (past, past))
    for file in (folder / "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            if "remove" in line:
                line["remove"]["deletionTimestamp"] = int(past * 1000)
        file.write_text("\n".join(map(json.dumps, lines)))


def test_small_files_become_one_and_the_rows_stay(system: SystemSpec, lake: Lake) -> None:
    events = lake.read("events/orders")
    item = upkeep(maintain(system, lake), "performance")
    assert (item.rows, item.files, item.merged, item.removed) == (12, 12, 12, 0)
    assert len(lake.open("performance").file_uris()) == 1
    assert sorted(lake.read("performance")["number"].to_pylist()) == list(range(12))
    assert lake.read("events/orders").equals(events)


def test_a_dry_run_tells_and_changes_nothing(system: SystemSpec, lake: Lake) -> None:
    age(lake, 16)
    files = sorted(Path(lake.uri).rglob("*"))
    told = maintain(system, lake, dry_run=True)
    assert sorted(Path(lake.uri).rglob("*")) == files
    assert (upkeep(told, "performance").merged, upkeep(told, "events/orders").removed) == (11, 1)


def test_old_versions_go_when_nobody_reads_them_and_not_before(system: SystemSpec, lake: Lake) -> None:
    first, now = lake.version("events/orders") - 1, lake.read("events/orders")
    age(lake, 14)
    assert upkeep(maintain(system, lake), "events/orders").removed == 0
    assert lake.read("events/orders", version=first).num_rows == 5
    age(lake, 16)
    assert upkeep(maintain(system, lake), "events/orders").removed == 1
    with pytest.raises(FileNotFoundError):
        lake.read("events/orders", version=first)
    assert lake.read("events/orders").equals(now)


def test_a_shorter_time_than_readers_need_is_refused(system: SystemSpec, lake: Lake) -> None:
    with pytest.raises(ServiceRejectedError, match="read for 15 days by parity checks"):
        maintain(system, lake, keep=SAFE - dt.timedelta(hours=1))


def test_a_half_done_backfill_is_waited_for(system: SystemSpec, lake: Lake) -> None:
    now = dt.datetime.now(dt.UTC)
    held = {"number": 1, "at": now, "backfill": "b-1", "versions": '{"events/orders": 0}', "partitions": "{}"}
    lake.append_fenced(holds.TABLE, pa.Table.from_pylist([held], holds.SCHEMA), app=holds.TABLE, number=1)
    with pytest.raises(ServiceUnavailableError, match="backfill 'b-1' is half done"):
        maintain(system, lake)


def test_the_command_shows_each_table(
    system: SystemSpec, lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_LAKE", lake.uri)
    assert main(["maintain", "shop", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[-4:] == ["would", "merge", "would", "remove"]
    assert next(line for line in lines if line.startswith("performance")).split()[-2:] == ["11", "0"]
    assert main(["maintain", "shop", "--keep", "7d"]) == 1
    assert "keep at least those" in capsys.readouterr().err
