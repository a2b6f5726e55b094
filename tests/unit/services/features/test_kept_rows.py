from __future__ import annotations

from typing import Any, cast

from ai_patterns.services.features.answers import Row
from ai_patterns.services.features.kept_rows import KeptRows
from ai_patterns.services.features.plan import ViewRead

ROW = Row(0, "1970-01-01T00:00:00Z", [1.0])
READS = [cast("ViewRead", object()) for _ in range(20)]


def kept(*keys: bytes, size: int = 3) -> KeptRows:
    rows = KeptRows(size)
    for key in keys:
        rows.keep(key, READS[0], ROW)
    return rows


def test_a_row_is_found_by_its_read_until_it_changes() -> None:
    rows = kept(b"a", b"b")
    rows.keep(b"a", READS[1], None)
    assert rows.find(b"a") == {READS[0]: ROW, READS[1]: None}
    rows.forget([b"a", b"c"])
    assert (rows.find(b"a"), rows.find(b"b")) == ({}, {READS[0]: ROW})
    rows.forget(None)
    assert rows.find(b"b") == {}


def test_the_one_kept_longest_makes_room() -> None:
    rows = kept(b"a", b"b", b"c", b"d")
    assert [bool(rows.find(key)) for key in (b"a", b"b", b"c", b"d")] == [False, True, True, True]


def test_reads_that_are_gone_do_not_gather() -> None:
    rows = kept(b"a")
    for read in READS:
        rows.keep(b"a", read, ROW)
    found: dict[Any, Any] = rows.find(b"a")
    assert len(found) < len(READS)
    assert READS[-1] in found
