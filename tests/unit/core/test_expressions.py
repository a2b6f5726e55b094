"""On-demand expressions: the grammar, the missing values, and one row equals many."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ai_patterns.core.expressions import compile_expression
from ai_patterns.spec.expressions import names_in, parse_expression

EXPRESSIONS = ["a - b", "(a + b) % 24", "log1p(abs(a)) / b", "greatest(a, b)", "coalesce(a, -1) * (a > b)", "-a"]


@pytest.mark.parametrize("text", EXPRESSIONS)
@given(values=arrays(np.float64, (2, 17), elements=st.floats(width=64)))
def test_a_row_alone_gives_the_bits_that_it_gives_among_others(text, values):
    evaluate = compile_expression(text)
    with np.errstate(all="ignore"):
        together = np.asarray(evaluate({"a": values[0], "b": values[1]}), np.float64)
        alone = np.concatenate([evaluate({"a": values[0, [i]], "b": values[1, [i]]}) for i in range(17)])
    same = (together.view(np.int64) == alone.view(np.int64)) | (np.isnan(together) & np.isnan(alone))
    assert same.all()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a +", "is not an expression"),
        ("__import__('os')", "no function '__import__'"),
        ("a.b", "cannot stand"),
        ("[a]", "cannot stand"),
        ("a if b else 1", "cannot stand"),
        ("abs(a, b)", "takes 1 arguments"),
        ("a < b < c", "cannot stand"),
    ],
)
def test_everything_outside_the_grammar_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        parse_expression(text)


def test_names_are_the_columns_and_not_the_functions():
    assert names_in(parse_expression("coalesce(delay, 0) + month(at, 'UTC')")) == {"delay", "at"}


def test_local_clock_follows_daylight_saving():
    instants = np.array(["2013-03-10T06:59", "2013-03-10T07:00", "NaT"], "datetime64[us]")
    minutes = compile_expression("minute_of_day(at, 'America/New_York')")({"at": instants})
    assert minutes[:2].tolist() == [119.0, 180.0]
    assert np.isnan(minutes[2])


@given(st.lists(st.datetimes(dt.datetime(1890, 1, 1), dt.datetime(2090, 1, 1)), max_size=20))
def test_parts_of_the_local_clock_are_those_of_a_calendar(instants):
    columns = {"at": np.array([*instants, None], "datetime64[us]")}
    local = [instant.replace(tzinfo=dt.UTC).astimezone(ZoneInfo("Australia/Lord_Howe")) for instant in instants]
    expected = {
        "hour": [at.hour for at in local],
        "minute_of_day": [at.hour * 60 + at.minute for at in local],
        "weekday": [at.weekday() for at in local],
        "month": [at.month for at in local],
    }
    for name, parts in expected.items():
        found = compile_expression(f"{name}(at, 'Australia/Lord_Howe')")(columns)
        np.testing.assert_array_equal(found, np.array([*parts, np.nan]))


def test_hours_between_is_missing_where_either_side_is():
    start = np.array(["2013-01-01T00:00", "NaT"], "datetime64[us]")
    end = np.array(["2013-01-01T01:30", "2013-01-01T01:30"], "datetime64[us]")
    hours = compile_expression("hours_between(start, end)")({"start": start, "end": end})
    assert hours[0] == 1.5
    assert np.isnan(hours[1])
