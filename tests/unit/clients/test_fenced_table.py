"""A table with one writer at a time, on a real Delta table."""

import datetime as dt

import pyarrow as pa
import pytest

from ai_patterns.clients.fenced_table import RETENTION, SMALL_FILES, FencedTable
from ai_patterns.clients.lake import Lake
from ai_patterns.errors import FencedError

SCHEMA = pa.schema([("number", pa.int64()), ("day", pa.date32())])


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path), "plant")


def row(number: int) -> pa.Table:
    return pa.table({"number": [number], "day": [dt.date(2024, 1, 1 + number % 2)]}, SCHEMA)


def test_rows_and_positions_are_one_commit(lake) -> None:
    table = FencedTable.hold(lake, "numbers", SCHEMA)
    before = lake.version("numbers")
    table.append(row(1), {"a": 5, "b": 7})
    assert lake.version("numbers") == before + 1
    assert [lake.open("numbers").transaction_version(app) for app in ("a", "b", "c")] == [5, 7, None]
    assert RETENTION.items() <= lake.open("numbers").metadata().configuration.items()


@pytest.mark.parametrize("positions", [{"a": 2}, {"b": 1}, {}], ids=["the same id", "another id", "no id"])
def test_an_older_writer_is_refused_whatever_it_writes(lake, positions) -> None:
    first = FencedTable.hold(lake, "numbers", SCHEMA)
    first.append(row(1), {"a": 1})
    second = FencedTable.hold(lake, "numbers", SCHEMA)
    with pytest.raises(FencedError, match="another writer took"):
        first.append(row(2), positions)
    with pytest.raises(FencedError, match="another writer took"):
        first.require_held()
    with pytest.raises(FencedError, match="another writer took"):
        first.append(row(2), positions)
    second.require_held()
    second.append(row(3), {"a": 2})
    assert sorted(lake.read("numbers")["number"].to_pylist()) == [1, 3]
    assert lake.open("numbers").transaction_version("a") == 2


def test_small_files_are_put_together(lake) -> None:
    table = FencedTable.hold(lake, "numbers", SCHEMA)
    for number in range(SMALL_FILES):
        assert not table.tidy()
        table.append(row(number), {"a": number})
    table.append(row(SMALL_FILES), {"a": SMALL_FILES})
    table.append(row(SMALL_FILES + 1), {"a": SMALL_FILES + 1})
    assert table.tidy()
    handle = lake.open("numbers")
    assert len(handle.file_uris()) == 2
    assert sorted(lake.read("numbers")["number"].to_pylist()) == list(range(SMALL_FILES + 2))
    assert handle.transaction_version("a") == SMALL_FILES + 1
    table.append(row(0), {"a": 0})
