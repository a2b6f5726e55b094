"""Great Expectations' expectations as SQL: those that can be said exactly, to be evaluated in one pass.

Exact is what the library's pandas engine finds on the same rows: NaN is no value, and whole numbers with gaps are
floating ones. What hangs on a dialect, on the order of additions or on a conversion is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ai_patterns.core.expectation_arguments import (
    COMPARABLE,
    Arguments,
    Bounds,
    InexactError,
    Kind,
    instant,
    literal,
    number,
    quoted,
    require,
    text,
    whole,
    within,
)
from ai_patterns.core.expectation_frame import FRAME, ROW, Query
from ai_patterns.core.expectations import Configuration, Outcome, judge_values
from ai_patterns.core.regex_dialect import to_re2


def to_query(expectation: Configuration, kinds: Mapping[str, Kind]) -> Query | None:
    """The expectation as SQL; None where its outcome might differ from Great Expectations' own.

    Args:
        expectation: what is expected.
        kinds: the columns that there are, see `kinds_of`.

    >>> to_query(Configuration("expect_column_mean_to_be_between", {"column": "a", "min_value": 0}), {"a": "whole"})
    """
    translate = _TRANSLATIONS.get(expectation.type)
    if translate is None:
        return None
    try:
        return translate(Arguments(expectation.kwargs, kinds))
    except InexactError:
        return None


def _values(arguments: Arguments, holds: str, missing: str | None, wrong: str = "") -> Query:
    """An expectation about single values, where `missing` tells those that it is not about."""
    wrong = wrong or f"list({ROW}) FILTER (WHERE NOT ({holds}))"
    mostly = arguments.mostly
    if missing is None:
        return Query((wrong,), lambda count, found: judge_values(count, None, found[0] or (), mostly))
    select = (f"count(*) FILTER (WHERE {missing})", wrong)
    return Query(select, lambda count, found: judge_values(count, found[0], found[1] or (), mostly))


def _null(arguments: Arguments, *, wanted: bool) -> Query:
    arguments.allow("column", "mostly")
    return _values(arguments, f"{quoted(arguments.column())} IS {'' if wanted else 'NOT '}NULL", None)


def _in_set(arguments: Arguments, *, wanted: bool) -> Query:
    arguments.allow("column", "mostly", "value_set")
    name = arguments.column("whole", "floating", "text")
    read = {"whole": whole, "floating": number, "text": text}[arguments.kinds[name]]
    members = ", ".join(map(literal, arguments.values(read)))
    return _about(arguments, name, f"{quoted(name)} {'' if wanted else 'NOT '}IN ({members})")


def _between(arguments: Arguments) -> Query:
    arguments.allow("column", "mostly", "min_value", "max_value", "strict_min", "strict_max")
    name = arguments.column("whole", "floating", "instant")
    bounds = arguments.bounds(instant if arguments.kinds[name] == "instant" else number)
    return _about(arguments, name, _within_sql(quoted(name), bounds))


def _matches(arguments: Arguments, *, wanted: bool) -> Query:
    arguments.allow("column", "mostly", "regex")
    name, pattern = arguments.column("text"), to_re2(text(arguments.given.get("regex")))
    require(pattern is not None)
    return _about(arguments, name, f"{'' if wanted else 'NOT '}regexp_matches({quoted(name)}, {literal(pattern)})")


def _lengths_between(arguments: Arguments) -> Query:
    arguments.allow("column", "mostly", "min_value", "max_value", "strict_min", "strict_max")
    name = arguments.column("text")
    return _about(arguments, name, _within_sql(f"length({quoted(name)})", arguments.bounds(whole)))


def _lengths_equal(arguments: Arguments) -> Query:
    arguments.allow("column", "mostly", "value")
    name = arguments.column("text")
    return _about(arguments, name, f"length({quoted(name)}) = {literal(number(arguments.given.get('value')))}")


def _about(arguments: Arguments, name: str, holds: str) -> Query:
    return _values(arguments, holds, f"{quoted(name)} IS NULL")


def _within_sql(value: str, bounds: Bounds) -> str:
    require(len(bounds) > 0)
    return " AND ".join(f"{value} {sign} {literal(bound)}" for sign, bound in bounds)


def _unique(arguments: Arguments) -> Query:
    arguments.allow("column", "mostly")
    return _repeated(arguments, [arguments.column(*COMPARABLE)])


def _unique_together(arguments: Arguments) -> Query:
    arguments.allow("column_list", "mostly")
    return _repeated(arguments, arguments.columns(*COMPARABLE))


def _repeated(arguments: Arguments, names: Sequence[str]) -> Query:
    """Rows whose key another row has; a missing part of a key equals a missing part."""
    keys, missing = [quoted(name) for name in names], " AND ".join(f"{quoted(name)} IS NULL" for name in names)
    repeated = f"SELECT {', '.join(keys)} FROM {FRAME} WHERE NOT ({missing}) GROUP BY ALL HAVING count(*) > 1"
    same = " AND ".join(f"{FRAME}.{key} IS NOT DISTINCT FROM repeated.{key}" for key in keys)
    wrong = f"(SELECT list({ROW}) FROM {FRAME} SEMI JOIN ({repeated}) AS repeated ON {same})"
    return _values(arguments, "", missing, wrong)


def _extreme(arguments: Arguments, function: str) -> Query:
    arguments.allow("column", "min_value", "max_value", "strict_min", "strict_max")
    column, bounds = arguments.column("whole", "floating"), arguments.bounds(number)

    def read(_: int, found: Sequence[Any]) -> Outcome:
        # Bounds are doubles: numpy compares whole numbers with them as doubles.
        return Outcome(found[0] is not None and within(float(found[0]), bounds), observed_value=found[0])

    return Query((f"{function}({quoted(column)})",), read)


def _unique_count(arguments: Arguments) -> Query:
    arguments.allow("column", "min_value", "max_value", "strict_min", "strict_max")
    column, bounds = arguments.column(*COMPARABLE), arguments.bounds(whole)
    return Query(
        (f"count(DISTINCT {quoted(column)})",),
        lambda _, found: Outcome(within(found[0], bounds), observed_value=found[0]),
    )


def _unique_share(arguments: Arguments) -> Query:
    arguments.allow("column", "min_value", "max_value", "strict_min", "strict_max")
    column, bounds = arguments.column(*COMPARABLE), arguments.bounds(number)

    def read(_: int, found: Sequence[Any]) -> Outcome:
        share = found[0] / found[1] if found[1] else 0
        return Outcome(within(share, bounds), observed_value=share)

    return Query((f"count(DISTINCT {quoted(column)})", f"count({quoted(column)})"), read)


def _row_count(arguments: Arguments) -> Query:
    arguments.allow("min_value", "max_value", "strict_min", "strict_max")
    bounds = arguments.bounds(whole)
    return Query((), lambda count, _: Outcome(within(count, bounds), observed_value=count))


def _row_count_equal(arguments: Arguments) -> Query:
    arguments.allow("value")
    value = whole(arguments.given.get("value"))
    return Query((), lambda count, _: Outcome(count == value, observed_value=count))


def _exists(arguments: Arguments) -> Query:
    arguments.allow("column")
    arguments.column()
    return Query((), lambda _, __: Outcome(success=True))


_TRANSLATIONS: Mapping[str, Callable[[Arguments], Query]] = {
    "expect_column_values_to_be_null": lambda arguments: _null(arguments, wanted=True),
    "expect_column_values_to_not_be_null": lambda arguments: _null(arguments, wanted=False),
    "expect_column_values_to_be_in_set": lambda arguments: _in_set(arguments, wanted=True),
    "expect_column_values_to_not_be_in_set": lambda arguments: _in_set(arguments, wanted=False),
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_match_regex": lambda arguments: _matches(arguments, wanted=True),
    "expect_column_values_to_not_match_regex": lambda arguments: _matches(arguments, wanted=False),
    "expect_column_value_lengths_to_be_between": _lengths_between,
    "expect_column_value_lengths_to_equal": _lengths_equal,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _unique_together,
    "expect_column_max_to_be_between": lambda arguments: _extreme(arguments, "max"),
    "expect_column_min_to_be_between": lambda arguments: _extreme(arguments, "min"),
    "expect_column_unique_value_count_to_be_between": _unique_count,
    "expect_column_proportion_of_unique_values_to_be_between": _unique_share,
    "expect_table_row_count_to_be_between": _row_count,
    "expect_table_row_count_to_equal": _row_count_equal,
    "expect_column_to_exist": _exists,
}
EXACT = frozenset(_TRANSLATIONS)
"""Types of expectations that SQL can say exactly, with plain arguments."""
