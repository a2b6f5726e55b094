"""A read of one day opens that day's files alone: it succeeds where the files of all other days are gone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.engines import duckdb
from ai_patterns.jobs.whole_table import query

WEEK, WEDNESDAY = Days.parse("2024-01-01/2024-01-07"), Days.parse("2024-01-03")
ROWS = pa.table(
    {
        "day": pa.array([day for day in WEEK for _ in range(3)], pa.date32()),
        "seen": [dt.datetime.combine(day, dt.time(hour), dt.UTC) for day in WEEK for hour in (0, 12, 23)],
        "number": list(range(21)),
    }
)
HOURS = {"low": WEDNESDAY.start + dt.timedelta(hours=1), "high": WEDNESDAY.start + dt.timedelta(hours=23)}

ANOTHER_DAY = "day=2024-01-0[^3]"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A week of events, a file a day, of which only Wednesday's is left."""
    lake = Lake(str(tmp_path), "shop")
    lake.replace_days("events", ROWS, WEEK)
    files = [Path(file) for file in lake.open("events").file_uris()]
    assert len(files) == 7
    for file in files:
        if file.parent.name != "day=2024-01-03":
            file.unlink()
    return lake


def test_a_read_of_all_days_misses_the_files(lake: Lake) -> None:
    with pytest.raises(FileNotFoundError, match=ANOTHER_DAY):
        lake.read("events")
    with pytest.raises(Exception, match=ANOTHER_DAY):  # DuckDB's own
        duckdb.run("SELECT count(number) FROM events", {"events": lake.dataset("events")})


def test_the_lake_reads_one_day(lake: Lake) -> None:
    assert lake.read("events", WEDNESDAY)["number"].to_pylist() == [6, 7, 8]
    low, high = (pa.scalar(instant) for instant in HOURS.values())
    within = (ds.field("seen") >= low) & (ds.field("seen") <= high)
    assert lake.dataset("events").to_table(filter=within)["number"].to_pylist() == [7, 8]


@pytest.mark.parametrize(
    "condition", ["day = DATE '2024-01-03'", "seen BETWEEN $low AND $high", "seen > $low AND seen <= $high"]
)
def test_the_engine_reads_one_day(lake: Lake, condition: str) -> None:
    """By the partition, or by a column of which the Delta log keeps the smallest and the greatest value of a file."""
    given = HOURS if "$" in condition else None
    found = duckdb.run(
        f"SELECT number FROM events WHERE {condition}", {"events": lake.dataset("events")}, parameters=given
    )
    assert found["number"].to_pylist() == ([7, 8] if given else [6, 7, 8])


def test_a_query_reads_the_files_of_one_day(lake: Lake) -> None:
    sql = "SELECT number FROM stored WHERE seen > $low AND seen <= $high"
    of_the_day = f"seen > '{HOURS['low'].isoformat()}' AND seen <= '{HOURS['high'].isoformat()}'"
    assert query(lake, "events", sql, parameters=HOURS, files=of_the_day)["number"].to_pylist() == [7, 8]
    assert query(lake, "events", sql, parameters=HOURS, files="day > '2025-01-01'").num_rows == 0
    with pytest.raises(Exception, match=ANOTHER_DAY):
        query(lake, "events", sql, parameters=HOURS)


def test_ranges_are_cut_without_a_file(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_PATTERNS_ENGINE_BATCH_ROWS", "9")
    assert [part.count for part in lake.batches("events", WEEK)] == [3, 3, 1]


def test_at_most_ten_commits_are_read_to_open_a_table(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), "shop")
    for _ in range(12):
        lake.append("events", ROWS, ["day"])
    for number in range(10):
        (tmp_path / f"shop/events/_delta_log/{number:020}.json").unlink()
    assert lake.read("events").num_rows == 12 * ROWS.num_rows


def test_no_commit_replaces_nothing_by_nothing(tmp_path: Path) -> None:
    lake, nothing = Lake(str(tmp_path), "shop"), ROWS.schema.empty_table()
    first = lake.replace_days("events", ROWS, WEEK)
    assert lake.replace_days("events", nothing, Days.parse("2024-01-08")) == first
    assert lake.replace_days("events", nothing, WEDNESDAY) == first + 1
    assert lake.replace_days("events", nothing, WEDNESDAY) == first + 1
    assert lake.read("events").num_rows == 18
