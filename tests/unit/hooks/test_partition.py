"""Which days and which instant a run works on."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest

from ai_patterns.errors import SpecError
from ai_patterns.hooks.partition import days_of, moment_of

MONDAY = dt.datetime(2013, 4, 8, 3, tzinfo=dt.UTC)


def context(**values):
    return {
        "dag_run": SimpleNamespace(partition_key=values.pop("key", None)),
        "params": values.pop("params", {}),
        **values,
    }


@pytest.mark.parametrize(
    ("given", "explicit", "expected"),
    [
        (context(params={"days": "2013-04-02"}, key="2013-04-03"), "2013-04-01", "2013-04-01"),
        (context(params={"days": "2013-04-02"}, key="2013-04-03"), None, "2013-04-02"),
        (
            context(params={"days": None}, key="2013-04-03/2013-04-09", logical_date=MONDAY),
            None,
            "2013-04-03/2013-04-09",
        ),
        (
            context(data_interval_start=MONDAY - dt.timedelta(days=7), data_interval_end=MONDAY, logical_date=MONDAY),
            None,
            "2013-04-01/2013-04-07",
        ),
        (context(logical_date=MONDAY), None, "2013-04-08"),
    ],
)
def test_the_most_explicit_key_wins(given, explicit, expected):
    assert str(days_of(given, explicit)) == expected


def test_a_run_without_days_says_what_to_give():
    with pytest.raises(SpecError, match="give the param `days`"):
        days_of(context())


def test_another_form_is_refused():
    with pytest.raises(SpecError, match="no partition key"):
        days_of(context(params={"days": "April"}))


def test_now_is_told_or_is_the_end_of_the_days():
    april = context(params={"days": "2013-04-01/2013-04-07"})
    assert moment_of(april) == dt.datetime(2013, 4, 8, tzinfo=dt.UTC)
    assert moment_of(april, "2013-04-09T02:00:00+02:00") == dt.datetime(2013, 4, 9, tzinfo=dt.UTC)
    assert moment_of(context(params={"as_of": "2013-04-10"})) == dt.datetime(2013, 4, 10, tzinfo=dt.UTC)
    with pytest.raises(SpecError, match="no instant"):
        moment_of(april, "soon")
