"""One query finds what Great Expectations finds; what it cannot say exactly, Great Expectations judges itself."""

import datetime as dt
import json
import logging
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.clients import expectations
from ai_patterns.clients.expectations import check_user_suite, evaluate, evaluate_by_library, failing_rows
from ai_patterns.clients.one_pass import evaluate_in_one_pass
from ai_patterns.core.expectation_sql import EXACT
from ai_patterns.core.expectations import Configuration
from ai_patterns.core.quality import Expectation
from ai_patterns.errors import DataQualityError

LARGE = 2**53
WHOLES = st.sampled_from([-3, 0, 1, 2, LARGE - 1, LARGE, LARGE + 1, 2**63 - 1, -(2**63)])
FLOATS = st.sampled_from([-0.0, 0.0, 0.1, 1.0, 2.5, float(LARGE), float("nan"), float("inf"), float("-inf"), 5e-324])
TEXTS = st.sampled_from(["", "a", "ab", "AB", "a\n", "it's", "é", "e\u0301", "👩\u200d🚀", "12", "NaN", "None", '"'])
NOON = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)
INSTANTS = st.sampled_from([NOON, NOON + dt.timedelta(microseconds=1), dt.datetime(1905, 1, 1, tzinfo=dt.UTC)])
COLUMNS = {
    "whole": (pa.int64(), WHOLES),
    "gaps": (pa.int64(), WHOLES | st.none()),
    "floating": (pa.float64(), FLOATS | st.none()),
    "text": (pa.string(), TEXTS | st.none()),
    "truth": (pa.bool_(), st.booleans() | st.none()),
    "instant": (pa.timestamp("us", tz="UTC"), INSTANTS | st.none()),
    "date": (pa.date32(), st.none() | st.just(NOON.date())),
    "decimal": (pa.decimal128(5, 2), st.none() | st.just(Decimal("1.10"))),
}
SCHEMA = pa.schema([(name, type_) for name, (type_, _) in COLUMNS.items()])
ROWS = st.lists(st.fixed_dictionaries({name: values for name, (_, values) in COLUMNS.items()}), max_size=12)
TABLES = ROWS.map(lambda rows: pa.Table.from_pylist(rows, SCHEMA))

ANY, COMPARABLE = (
    st.sampled_from(list(COLUMNS)),
    st.sampled_from(["whole", "gaps", "floating", "text", "truth", "instant"]),
)
NUMBERS = st.sampled_from(["whole", "gaps", "floating"])
TEXT = st.just("text")
MOSTLY = {"mostly": st.sampled_from([0, 0.3, 0.5, 0.75, 1, 1.0])}
STRICT = {"strict_min": st.booleans(), "strict_max": st.booleans()}


def bounded(column, low, high, **more):
    """An interval; at least one end is closed by a number."""
    fixed = {} if column is None else {"column": column}
    return st.one_of(
        st.fixed_dictionaries({**fixed, "min_value": low}, optional={**STRICT, **more}),
        st.fixed_dictionaries({**fixed, "max_value": high}, optional={**STRICT, **more}),
        st.fixed_dictionaries({**fixed, "min_value": low, "max_value": high}, optional={**STRICT, **more}),
    )


def column(of, **more):
    return st.fixed_dictionaries({"column": of, **more}, optional=MOSTLY)


LOW, HIGH = st.sampled_from([-3, 0, 0.0, 0.1, 1]), st.sampled_from([1, 1.0, 2.5, LARGE, 1e300])
EARLY, LATE = "2024-02-29T13:00:00+01:00", "2024-02-29T12:00:00.000001Z"
FEW, MANY = st.integers(0, 2), st.integers(2, 9)
SETS = (
    st.tuples(st.just("whole"), st.lists(WHOLES, min_size=1, max_size=3))
    | st.tuples(NUMBERS, st.lists(st.sampled_from([-3, 0, 1.0, 2, 2.5, LARGE]), min_size=1, max_size=3))
    | st.tuples(TEXT, st.lists(TEXTS, min_size=1, max_size=3))
).map(lambda drawn: {"column": drawn[0], "value_set": drawn[1]})
REGEXES = st.sampled_from([r"^(?:[A-Z]{2})\Z", "a", "^a$", "^$", "a|1", ".", "[^a-z]", "b?$", "'", r"^[0-9]+\Z"])
KWARGS = {
    "expect_column_values_to_be_null": column(ANY),
    "expect_column_values_to_not_be_null": column(ANY),
    "expect_column_values_to_be_in_set": SETS,
    "expect_column_values_to_not_be_in_set": SETS,
    "expect_column_values_to_be_between": bounded(NUMBERS, LOW, HIGH, **MOSTLY)
    | bounded(st.just("instant"), st.just(EARLY), st.just(LATE), **MOSTLY),
    "expect_column_values_to_match_regex": column(TEXT, regex=REGEXES),
    "expect_column_values_to_not_match_regex": column(TEXT, regex=REGEXES),
    "expect_column_value_lengths_to_be_between": bounded(TEXT, FEW, MANY, **MOSTLY),
    "expect_column_value_lengths_to_equal": column(TEXT, value=st.sampled_from([0, 1, 2, 2.0, 3])),
    "expect_column_values_to_be_unique": column(COMPARABLE),
    "expect_compound_columns_to_be_unique": st.fixed_dictionaries(
        {"column_list": st.lists(COMPARABLE, min_size=2, max_size=3, unique=True)}, optional=MOSTLY
    ),
    "expect_column_max_to_be_between": bounded(NUMBERS, LOW, HIGH),
    "expect_column_min_to_be_between": bounded(NUMBERS, LOW, HIGH),
    "expect_column_unique_value_count_to_be_between": bounded(COMPARABLE, FEW, MANY),
    "expect_column_proportion_of_unique_values_to_be_between": bounded(
        COMPARABLE, st.sampled_from([0, 0.2]), st.sampled_from([0.5, 1])
    ),
    "expect_table_row_count_to_be_between": bounded(None, FEW, MANY),
    "expect_table_row_count_to_equal": st.fixed_dictionaries({"value": st.integers(0, 4)}),
    "expect_column_to_exist": st.fixed_dictionaries({"column": ANY}),
}
SUITES = st.tuples(
    *(
        st.lists(kwargs.map(lambda given, of=of: Configuration(of, given)), min_size=1, max_size=2)
        for of, kwargs in KWARGS.items()
    )
)


@settings(deadline=None, max_examples=10)
@given(TABLES, SUITES.map(lambda lists: [each for some in lists for each in some]))
def test_one_pass_equals_the_library_field_by_field(rows: pa.Table, suite: list[Configuration]) -> None:
    found = evaluate_in_one_pass(rows, suite)
    left = {each.type for number, each in enumerate(suite) if number not in found}
    assert left <= {"expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set"}  # odd numbers
    assert found == evaluate_by_library(rows, {number: suite[number] for number in found}, "here")


def test_every_exact_type_is_compared_above() -> None:
    assert set(KWARGS) == EXACT


ROW = pa.table({"size": [1, 2, None, 4], "name": ["a", None, "b", "b"]})
MEAN = Configuration("expect_column_mean_to_be_between", {"column": "size", "max_value": 2})
FILLED = Configuration("expect_column_values_to_not_be_null", {"column": "name"})


def test_what_sql_cannot_say_goes_to_the_library(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, expectations.__name__):
        mean, filled = evaluate(ROW, [MEAN, FILLED], "here")
    assert caplog.messages == ["left to Great Expectations: expect_column_mean_to_be_between"]
    assert (mean.success, mean.observed_value) == (False, 7 / 3)
    assert (filled.success, filled.unexpected_rows) == (False, (1,))


def test_the_library_is_not_even_loaded_for_what_sql_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectations, "_library", lambda: pytest.fail("Great Expectations was loaded"))
    rules = [Expectation("not_null", "name"), Expectation("pattern", "name", pattern="[a-z]")]
    assert failing_rows(ROW, rules) == [(rules[0], [1])]


def test_a_pattern_of_another_dialect_is_judged_by_the_library() -> None:
    rule = Expectation("pattern", "name", pattern=r"\w")
    assert failing_rows(pa.table({"name": ["a", "\u00e9", "-"]}), [rule]) == [(rule, [2])]


def test_a_rule_on_an_absent_column_is_refused() -> None:
    with pytest.raises(DataQualityError, match="could not be evaluated"):
        failing_rows(ROW, [Expectation("not_null", "colour")])


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"expectations": [{"kwargs": {}}]}',
        '{"expectations": [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "size"}}]}',
        '{"expectations": [{"type": "expect_column_value_to_be_between", "kwargs": {"column": "size"}}]}',
    ],
)
def test_what_is_no_suite_is_refused_by_the_name_of_its_file(tmp_path, text: str) -> None:
    file = tmp_path / "suite.json"
    file.write_text(text)
    with pytest.raises(DataQualityError, match=r"suite\.json is no Great Expectations suite"):
        check_user_suite(ROW, file)


def test_failures_of_a_suite_come_in_its_order(tmp_path) -> None:
    file, suite = tmp_path / "suite.json", [MEAN, FILLED, MEAN]
    file.write_text(json.dumps({"name": "mine", "expectations": [vars(each) for each in suite]}))
    assert [failure.name for failure in check_user_suite(ROW, file)] == [each.type for each in suite]
