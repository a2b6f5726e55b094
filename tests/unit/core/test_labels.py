"""Each label that is sent gets a verdict: in, the same again, a correction, or refused with field and reason."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.core.labels import UNKNOWN, Decision, judge_labels

START = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
NOW = START + 48 * HOUR
KNOWN = {"p": Decision(("a",), START), "same": Decision(("a",), START), "q": Decision(("b",), START)}


def row(name="p", label=1, hour=1, **more):
    return {"prediction_id": name, "label": label, "observed_at": (START + HOUR * hour).isoformat(), **more}


def judge(*rows, known=KNOWN, task="classification", **more):
    return judge_labels(rows, known, key={"id": "string"}, task=task, now=NOW, **more)


def test_a_later_observation_corrects_and_an_earlier_one_is_too_late():
    found = judge(row(label=0, hour=2), row(label=1, hour=3), row(label=1, hour=1))
    assert [item.outcome for item in found] == ["corrected", "corrected", "landed"]  # judged by observation
    standing = {"p": Decision(("a",), START, {START + 2 * HOUR: 1.0})}
    (late,) = judge(row(label=0, hour=1), known=standing)
    assert (late.outcome, late.column) == ("refused", "observed_at")
    assert "stands" in late.reason


def test_what_says_nothing_new_is_repeated():
    standing = {"p": Decision(("a",), START, {START + HOUR: 0.0, START + 2 * HOUR: 1.0})}
    again = judge(row(label=0, hour=1), row(label=1, hour=2), row(label=1, hour=9), known=standing)
    assert [item.outcome for item in again] == ["repeated"] * 3


def test_predictions_of_one_decision_share_its_label():
    found = judge(row("p", 1, 1), row("same", 0, 1), row("q", 0, 1))
    assert [item.outcome for item in found] == ["landed", "refused", "landed"]
    assert found[1].reason == "the label 1 of the same instant stands"


@pytest.mark.parametrize(
    ("bad", "column", "reason"),
    [
        (row("x"), "prediction_id", UNKNOWN),
        (row(label=None), "label", "no value"),
        (row(label=0.5), "label", "neither 0 nor 1"),
        (row(label="1"), "label", "not a finite number"),
        (row(label=float("nan")), "label", "not a finite number"),
        (row(label=10**400), "label", "not a finite number"),
        (row(name=""), "prediction_id", "not a text of 1 to 200 characters"),
        (row(name=7), "prediction_id", "not a text of 1 to 200 characters"),
        (row(name="x" * 201), "prediction_id", "not a text of 1 to 200 characters"),
        (row(weight=3), "weight", "no such field; a label has prediction_id (or id), label, observed_at"),
        (row() | {"observed_at": "soon"}, "observed_at", "not an instant in ISO 8601"),
        (row() | {"observed_at": 5}, "observed_at", "not an instant in ISO 8601"),
        (row() | {"observed_at": "2024-03-01T01:00:00"}, "observed_at", "has no time zone"),
        (row() | {"observed_at": "0001-01-01T00:00:00+14:00"}, "observed_at", "outside the calendar"),
        (row(hour=-1), "observed_at", "before its decision at 2024-03-01T00:00:00+00:00"),
        (row(hour=49), "observed_at", "in the future"),
        ([1, 2], "", "not an object of fields"),
        ({"id": 5, "label": 1}, "id", "not of type string"),
        ({"id": "z", "label": 1}, "", UNKNOWN),
        ({"label": 1}, "id", "no value"),
    ],
)
def test_a_row_that_is_no_label_is_refused_by_field(bad, column, reason):
    fine, found = judge(row("q"), bad)
    assert (found.outcome, found.column, found.reason) == ("refused", column, reason)
    assert fine.outcome == "landed"


def test_an_outcome_outside_the_attribution_window_is_not_put_down_to_its_decision():
    inside, outside = judge(row(hour=24), row("q", hour=25), attribution=24 * HOUR)
    assert inside.outcome == "landed"
    assert outside.reason == "outside the attribution window of 1d"


def test_regression_takes_any_finite_number():
    assert [item.outcome for item in judge(row(label=-3.5), task="regression")] == ["landed"]


@given(
    st.lists(st.tuples(st.sampled_from(["p", "same", "q"]), st.sampled_from([0, 1]), st.integers(1, 40)), max_size=12)
)
def test_sent_again_in_any_portions_nothing_new_lands(items):
    rows = [row(*item) for item in items]
    histories = {("a",): {}, ("b",): {}}

    def land(portion):
        known = {name: Decision(item.key, START, dict(histories[item.key])) for name, item in KNOWN.items()}
        found = judge(*portion, known=known)
        for item in found:
            if item.outcome in {"landed", "corrected"}:
                histories[KNOWN[portion[item.row]["prediction_id"]].key][item.observed_at] = item.label
        return found

    land(rows)
    before = {key: dict(history) for key, history in histories.items()}
    assert not {"landed", "corrected"} & {item.outcome for item in land(rows)}
    for each in rows:
        land([each])
    assert histories == before
