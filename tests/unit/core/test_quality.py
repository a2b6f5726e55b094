import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.core.quality import (
    MISTYPED,
    Expectation,
    Refusal,
    Verdict,
    measure,
    partition_expectations,
    refuse,
    row_expectations,
)
from ai_patterns.spec.streams import StreamSpec

STREAM = StreamSpec(
    sql="readings.sql",
    key=("sensor", "seen"),
    event_time="seen",
    known_time="seen",
    max_quarantine_share=0.1,
    min_rows=3,
    columns={
        "sensor": {"type": "string", "pattern": "s[0-9]+"},
        "seen": {"type": "timestamp", "nullable": True},
        "level": {"type": "integer", "values": ["1", "2"]},
        "heat": {"type": "double", "nullable": True, "min": -5, "max_null_share": 0.3},
    },
)


def test_each_declared_rule_becomes_one_expectation() -> None:
    assert row_expectations(STREAM) == (
        Expectation("type", MISTYPED),
        Expectation("not_null", "sensor"),
        Expectation("pattern", "sensor", pattern="s[0-9]+"),
        Expectation("not_null", "seen"),
        Expectation("not_null", "level"),
        Expectation("values", "level", values=(1, 2)),
        Expectation("range", "heat", minimum=-5),
        Expectation("unique", "sensor,seen"),
    )


def test_keys_and_times_are_required_even_where_they_are_declared_nullable() -> None:
    assert Expectation("not_null", "seen") in row_expectations(STREAM)


def test_partition_rules_bound_rows_bad_rows_and_nulls() -> None:
    assert partition_expectations(STREAM) == (
        Expectation("range", "rows", minimum=3),
        Expectation("range", "quarantine_share", maximum=0.1),
        Expectation("range", "null_share.heat", maximum=0.3),
    )


def test_an_empty_day_measures_as_nothing_bad() -> None:
    assert measure(0, 0, {"heat": 0}) == {"rows": 0, "quarantine_share": 0, "null_share.heat": 0}


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (Expectation("type", MISTYPED), "wrong type"),
        (Expectation("not_null", "a"), "no value"),
        (Expectation("values", "a", values=("x", "y")), "not one of x, y"),
        (Expectation("range", "a", maximum=120), "outside any to 120"),
        (Expectation("pattern", "a", pattern="[A-Z]"), "does not match [A-Z]"),
        (Expectation("unique", "a"), "duplicate key"),
    ],
)
def test_reasons_are_words_for_people(rule: Expectation, reason: str) -> None:
    assert rule.reason == reason


def test_the_first_broken_rule_names_the_reason() -> None:
    rules = [(Expectation("type", MISTYPED), [2]), (Expectation("not_null", "heat"), [1, 2])]
    assert refuse(rules, {2: "heat"}, {}) == {2: Refusal("heat", "wrong type"), 1: Refusal("heat", "no value")}


def test_a_bad_row_does_not_hold_the_place_of_its_good_duplicate() -> None:
    rules = [(Expectation("range", "heat", minimum=0), [0]), (Expectation("unique", "id"), [0, 1, 2])]
    refusals = refuse(rules, {}, dict.fromkeys(range(3), ("a",)))
    assert {row: item.reason for row, item in refusals.items()} == {0: "outside 0 to any", 2: "duplicate key"}


@given(st.lists(st.sampled_from("abc"), max_size=12), st.sets(st.integers(0, 11)))
def test_one_good_row_of_each_key_stays(keys: list[str], broken: set[int]) -> None:
    bad = sorted(row for row in broken if row < len(keys))
    rules = [(Expectation("range", "x"), bad), (Expectation("unique", "id"), list(range(len(keys))))]
    refusals = refuse(rules, {}, {row: (key,) for row, key in enumerate(keys)})
    kept = [key for row, key in enumerate(keys) if row not in refusals]
    assert sorted(kept) == sorted({key for row, key in enumerate(keys) if row not in bad})


def test_a_verdict_about_a_partition_names_expectation_stream_day_and_count() -> None:
    verdict = Verdict(dt.date(2024, 1, 2), "column_exists", "heat", None, None, passed=False, count=7)
    assert verdict.describe("readings") == "column_exists of readings.heat on 2024-01-02 failed (7 rows)"
