"""Labels join predictions by decision key; what is not known yet is never a negative."""

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ai_patterns.core.feedback import (
    LABELLED,
    UNLABELLED,
    WAITING,
    join_known_labels,
    known_labels,
    one_per_decision,
)
from ai_patterns.spec.model import LabelSpec

TIME = pa.timestamp("us", tz="UTC")
START = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def predictions(*items):
    return pa.table(
        {
            "id": pa.array([name for name, _ in items], pa.string()),
            "decided_at": pa.array([START + DAY * at for _, at in items], TIME),
        }
    )


def labels(*items):
    names, values, days = zip(*items, strict=True) if items else ((), (), ())
    return pa.table(
        {
            "id": pa.array(names, pa.string()),
            "label": pa.array(values, pa.float64()),
            "label_known_at": pa.array([START + DAY * day for day in days], TIME),
            "observed_at": pa.array([START + DAY * day for day in days], TIME),
        }
    )


def join(rows, known, day, maturity=2, **more):
    spec = LabelSpec(stream="outcome", column="failed", maturity=DAY * maturity, **more)
    return join_known_labels(rows, known, ["id"], spec, as_of=START + DAY * day)


def test_the_three_states():
    joined = join(predictions(("a", 0), ("b", 0), ("c", 4)), labels(("a", 1.0, 1)), day=5)
    assert joined.rows["state"].to_pylist() == [LABELLED, UNLABELLED, WAITING]
    assert joined.rows["label"].to_pylist() == [1.0, None, None]
    assert joined.labelled["id"].to_pylist() == ["a"]


def test_a_label_from_the_future_is_not_seen():
    joined = join(predictions(("a", 0)), labels(("a", 1.0, 3)), day=1)
    assert joined.count(WAITING) == 1
    assert joined.count(LABELLED) == 0


def test_labels_of_unknown_predictions_are_counted():
    joined = join(predictions(("a", 0)), labels(("a", 1.0, 1), ("x", 0.0, 1), ("y", 0.0, 9)), day=2)
    assert joined.unknown == 1


def test_nothing_joins_nothing():
    joined = join(predictions(), labels(), day=1)
    assert (len(joined.rows), joined.unknown, joined.count(LABELLED)) == (0, 0, 0)


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 9)), unique_by=lambda item: item[0]),
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from([0.0, 1.0]), st.integers(0, 12))),
    st.integers(0, 12),
)
def test_each_prediction_stays_once_and_in_order(rows, known, day):
    joined = join(predictions(*rows), labels(*known), day)
    assert joined.rows["id"].to_pylist() == [name for name, _ in rows]
    states = (LABELLED, WAITING, UNLABELLED)
    assert sum(joined.count(state) for state in states) == len(rows)
    visible = {name for name, _, at in known if at < day}
    assert joined.count(LABELLED) == len({name for name, _ in rows} & visible)
    assert joined.unknown == len(visible - {name for name, _ in rows})


def test_the_correction_known_last_wins_whatever_the_order():
    log = labels(("a", 1.0, 3), ("a", 0.0, 1))
    assert known_labels(log, ["id"], START + DAY * 2)["label"].to_pylist() == [0.0]
    assert known_labels(log, ["id"], START + DAY * 9)["label"].to_pylist() == [1.0]


def test_the_prediction_acted_on_is_the_first_online_one():
    rows = pa.table(
        {
            "prediction_id": ["1", "2", "3", "4"],
            "id": ["a", "a", "a", "b"],
            "mode": ["batch", "online", "online", "batch"],
            "served_at": [START, START + 2 * DAY, START + DAY, START],
        }
    )
    assert sorted(one_per_decision(rows, ["id"])["prediction_id"].to_pylist()) == ["3", "4"]


class TestWindows:
    """What absence and lateness mean, stated by the spec."""

    ROWS = ("a", 0), ("b", 0)

    def states(self, day, *known, **more):
        rows = join(predictions(*self.ROWS), labels(*known), day, **more).rows
        return list(zip(rows["label"].to_pylist(), rows["state"].to_pylist(), strict=True))

    def test_an_immature_missing_label_is_never_a_negative(self):
        assert self.states(1, ("a", 1.0, 0.5)) == [(1.0, LABELLED), (None, WAITING)]
        assert self.states(5, ("a", 1.0, 0.5)) == [(1.0, LABELLED), (None, UNLABELLED)]

    def test_with_absent_a_decision_counts_only_once_it_is_mature(self):
        assert self.states(1, ("a", 1.0, 0.5), absent=0) == [(None, WAITING), (None, WAITING)]
        assert self.states(5, ("a", 1.0, 0.5), absent=0) == [(1.0, LABELLED), (0.0, LABELLED)]

    def test_with_absent_events_and_absences_are_known_from_their_maturity_on(self):
        rows = join(predictions(*self.ROWS, ("c", 0)), labels(("a", 1.0, 0.5), ("c", 1.0, 4)), 5, absent=0).rows
        assert rows["label_known_at"].to_pylist() == [START + DAY * 2, START + DAY * 2, START + DAY * 4]

    def test_what_happened_after_the_attribution_window_is_not_put_down_to_the_decision(self):
        late = ("a", 1.0, 1.5)
        assert self.states(5, late, attribution=DAY) == [(None, UNLABELLED), (None, UNLABELLED)]
        assert self.states(5, late, attribution=DAY, absent=0) == [(0.0, LABELLED), (0.0, LABELLED)]
        assert self.states(5, late, attribution=2 * DAY)[0] == (1.0, LABELLED)

    def test_a_late_outcome_does_not_hide_the_one_within_the_window(self):
        assert self.states(5, ("a", 1.0, 0.5), ("a", 0.0, 1.5), attribution=DAY)[0] == (1.0, LABELLED)

    def test_a_window_that_ends_after_maturity_is_refused(self):
        with pytest.raises(ValidationError, match="maturity must reach"):
            LabelSpec(stream="outcome", column="failed", maturity=DAY, attribution=2 * DAY)
