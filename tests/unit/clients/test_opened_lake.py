"""What a look at the lake keeps, and what it reads anew."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pytest

from ai_patterns.clients import holds
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.opened_lake import OpenedLake
from ai_patterns.errors import ServiceUnavailableError


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path), "shop")
    lake.replace("labels", pa.table({"number": [1]}))
    return lake


def numbers(lake: Lake) -> list[int]:
    found: list[int] = lake.read("labels")["number"].to_pylist()
    return found


def note(lake: Lake, number: int, versions: dict[str, int]) -> None:
    """One line of the ledger of holds."""
    line = {"number": number, "at": dt.datetime.now(dt.UTC), "backfill": "b", "versions": json.dumps(versions)}
    rows = pa.Table.from_pylist([line], schema=holds.SCHEMA)
    assert lake.append_fenced(holds.TABLE, rows, app=holds.TABLE, number=number)


def test_one_look_sees_one_state_and_the_next_look_what_came(lake: Lake) -> None:
    look = OpenedLake.over(lake)
    assert numbers(look) == [1]
    assert look.open("labels") is look.open("labels")
    lake.replace("labels", pa.table({"number": [2]}))
    assert (numbers(look), numbers(OpenedLake.over(lake))) == ([1], [2])
    assert look.open("labels", 1).version() == 1


def test_a_table_that_was_absent_is_looked_for_again(lake: Lake) -> None:
    look = OpenedLake.over(lake)
    with pytest.raises(ServiceUnavailableError, match="no table 'scores'"):
        look.open("scores")
    lake.replace("scores", pa.table({"number": [1]}))
    assert look.read("scores").num_rows == 1


def test_a_hold_counts_for_all_that_is_opened(lake: Lake) -> None:
    note(lake, 1, {"labels": 0})
    lake.replace("labels", pa.table({"number": [2]}))
    look = OpenedLake.over(lake)
    assert look.held() == ("b", {"labels": 0})
    note(lake, 2, {})
    assert (numbers(look), numbers(OpenedLake.over(lake))) == ([1], [2])


def test_a_consistent_read_uses_nothing_that_was_opened_before_it(lake: Lake) -> None:
    look = OpenedLake.over(lake)
    assert numbers(look) == [1]
    note(lake, 1, {"labels": 0})
    lake.replace("labels", pa.table({"number": [2]}))
    found = []

    def read() -> list[int]:
        found.append(numbers(look))
        if len(found) == 1:  # the backfill ends while this is read
            note(lake, 2, {})
        return found[-1]

    assert look.consistently(read) == [2]
    assert found == [[1], [2]]
