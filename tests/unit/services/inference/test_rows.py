"""Rows are typed exactly; every complaint names its field."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

import bakery
from ai_patterns.services.inference.requests import RequestError
from ai_patterns.services.inference.rows import RowParser, parse_decided_at

ROW = {
    "order_id": 2**62,
    "placed_at": "2024-01-03T12:30:00.000001+01:00",
    "shop": 1,
    "product": "rye",
    "grams": 1,
    "gift": True,
}
NOW = dt.datetime(2024, 1, 3, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def parser() -> RowParser:
    return RowParser(bakery.bakery())


def test_types(parser: RowParser) -> None:
    columns = parser.parse([ROW, {**ROW, "product": None}])
    row = {name: values[0] for name, values in columns.items()}
    placed = dt.datetime(2024, 1, 3, 11, 30, 0, 1, tzinfo=dt.UTC)
    assert row == {**ROW, "placed_at": placed, "grams": 1.0}
    assert parser.parse([]) == {name: [] for name in ROW}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_id", 2**63),
        ("shop", "1"),
        ("shop", True),
        ("shop", None),
        ("product", 5),
        ("grams", "1"),
        ("grams", float("nan")),
        ("grams", True),
        ("gift", 1),
        ("placed_at", 1_700_000_000),
        ("placed_at", "2024-01-03 12:30"),
        ("placed_at", "soon"),
    ],
)
def test_wrong_values(parser: RowParser, field: str, value: Any) -> None:
    with pytest.raises(RequestError) as refused:
        parser.parse([ROW, {**ROW, field: value}])
    assert refused.value.status == 422
    assert {tuple(item["loc"]) for item in refused.value.details} == {("body", 1, field)}


def test_unknown_and_missing_fields(parser: RowParser) -> None:
    changed = {"shopp" if name == "shop" else name: value for name, value in ROW.items()}
    with pytest.raises(RequestError) as refused:
        parser.parse([changed])
    details = {item["loc"][-1]: item for item in refused.value.details}
    assert details["shop"]["type"] == "missing"
    assert details["shopp"]["msg"] == "there is no input 'shopp'. Did you mean 'shop'?"


def test_texts_of_a_csv_file_take_the_declared_types(parser: RowParser) -> None:
    texts = {name: str(value) for name, value in ROW.items()}
    assert parser.parse(parser.from_text([texts])) == parser.parse([ROW])
    with pytest.raises(RequestError, match="shop"):
        parser.parse(parser.from_text([{**texts, "shop": "one"}]))


def test_decision_times() -> None:
    assert parse_decided_at(None, 2, NOW) == [NOW, NOW]
    assert parse_decided_at("2024-01-03T01:00:00+01:00", 2, dt.datetime.max) == [NOW, NOW]
    assert parse_decided_at([None, "2024-01-03T00:00:00Z"], 2, NOW) == [NOW, NOW]
    for wrong in ("2024-01-03", ["2024-01-03T00:00:00Z"], 5):
        with pytest.raises(RequestError, match="decided_at"):
            parse_decided_at(wrong, 2, NOW)
