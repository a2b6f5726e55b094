"""A table stays open for as long as it is as it was read."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from ai_patterns.clients.kept_tables import KeptTables
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.opened_lake import OpenedLake
from ai_patterns.errors import ServiceUnavailableError


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path), "shop")
    lake.replace("labels", pa.table({"number": [1]}))
    return lake


def numbers(table: DeltaTable) -> list[int]:
    found: list[int] = table.to_pyarrow_table()["number"].to_pylist()
    return found


def look(lake: Lake, kept: KeptTables) -> DeltaTable:
    return kept.open(lake.path("labels"), partial(lake.open, "labels"))


def test_what_nobody_changed_is_not_read_again(lake: Lake) -> None:
    kept = KeptTables()
    assert look(lake, kept) is look(lake, kept)


def test_a_commit_is_seen(lake: Lake) -> None:
    kept = KeptTables()
    look(lake, kept)
    lake.replace("labels", pa.table({"number": [2]}))
    assert numbers(look(lake, kept)) == [2]
    lake.replace("labels", pa.table({"number": [3]}))
    lake.replace("labels", pa.table({"number": [4]}))
    assert numbers(look(lake, kept)) == [4]


def test_a_table_that_was_made_anew_is_another(lake: Lake) -> None:
    kept = KeptTables()
    look(lake, kept)
    shutil.rmtree(lake.path("labels"))
    lake.replace("labels", pa.table({"number": [7]}))
    assert numbers(look(lake, kept)) == [7]


def test_a_table_that_is_gone_is_gone(lake: Lake) -> None:
    kept = KeptTables()
    look(lake, kept)
    shutil.rmtree(lake.path("labels"))
    with pytest.raises(ServiceUnavailableError, match="no table 'labels'"):
        look(lake, kept)


def test_looks_at_a_lake_share_what_is_kept(lake: Lake) -> None:
    kept = KeptTables()
    first, second = OpenedLake.over(lake, kept), OpenedLake.over(lake, kept)
    assert first.open("labels") is second.open("labels")
    lake.replace("labels", pa.table({"number": [2]}))
    assert first.open("labels") is second.open("labels"), "one look sees one state"
    assert numbers(OpenedLake.over(lake, kept).open("labels")) == [2]
    assert OpenedLake.over(lake, kept).open("labels", 0).version() == 0
