"""Labels that are sent land once in a real lake; corrections keep the history, bad rows wait with their reason."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.feedback import join_labels, measure_performance
from ai_patterns.jobs.labels import land_labels, readmit_labels
from ai_patterns.jobs.training_set import read_training_set
from unit.jobs.pumps import DAY, HOUR, PUMPS, START, outcomes, predictions, training_rows

NOW = START + DAY
FIRST = Days.parse("2024-01-01")


def sent(visit, label, hour=4):
    return {"prediction_id": f"{visit}-1-online", "label": label, "observed_at": (START + HOUR * hour).isoformat()}


@pytest.fixture
def lake(tmp_path):
    lake = Lake(str(tmp_path), "pumps")
    add(lake, ("a", 0.9, 0, "north"), ("b", 0.2, 1, "south"))
    lake.replace_days("events/outcome", outcomes(("z", True, 1)), FIRST)
    return lake


def add(lake, *items):
    lake.append("predictions", predictions(*items), ("day", "mode"))


def standing(lake, as_of):
    """Labels by visit as a measurement at `as_of` sees them."""
    join_labels(PUMPS, lake, as_of)
    rows = sorted(lake.read("labels").to_pylist(), key=lambda row: row["label_known_at"])
    return {row["visit"]: row["label"] for row in rows if row["visit"] != "z"}


def waiting(lake):
    rows = lake.read("quarantine/labels").to_pylist() if lake.exists("quarantine/labels") else []
    return sorted((row["key"], row["reason"]) for row in rows)


def test_a_label_lands_once_and_is_measured(lake):
    rows = [sent("a", 1), sent("b", 0)]
    first, again = (land_labels(PUMPS, lake, rows, now=NOW) for _ in range(2))
    assert (first.landed, first.repeated, again.landed, again.repeated) == (2, 0, 0, 2)
    assert lake.read("landed_labels").num_rows == 2
    join_labels(PUMPS, lake, NOW + HOUR)
    (row, *_) = measure_performance(PUMPS, lake, FIRST, NOW + HOUR)
    assert (row["rows"], row["brier"]) == (2, pytest.approx((0.1**2 + 0.2**2) / 2))


def test_a_label_may_name_the_decision_instead_of_a_prediction(lake):
    by_key = {"visit": "a", "label": 1, "observed_at": START + 4 * HOUR}
    assert land_labels(PUMPS, lake, [by_key, {"visit": "x", "label": 1}], now=NOW).landed == 1
    assert land_labels(PUMPS, lake, [sent("a", 1)], now=NOW).repeated == 1
    assert standing(lake, NOW + HOUR) == {"a": 1.0}
    assert waiting(lake) == [('["x"]', "no such prediction")]
    add(lake, ("x", 0.7, 2, "west"))
    assert readmit_labels(PUMPS, lake, now=NOW) == 1
    assert standing(lake, NOW + HOUR) == {"a": 1.0, "x": 1.0}
    assert waiting(lake) == []


def test_a_label_without_an_instant_was_observed_now(lake):
    row = {"prediction_id": "a-1-online", "label": 1}
    assert land_labels(PUMPS, lake, [row], now=NOW).landed == 1
    assert land_labels(PUMPS, lake, [row], now=NOW + HOUR).repeated == 1
    assert land_labels(PUMPS, lake, [row | {"label": 0}], now=NOW + HOUR).corrected == 1
    assert standing(lake, NOW + 2 * HOUR) == {"a": 0.0}


def test_a_label_is_known_from_its_landing_on_not_from_its_observation(lake):
    land_labels(PUMPS, lake, [sent("a", 1, hour=4)], now=NOW)
    assert standing(lake, START + 5 * HOUR) == {}
    assert standing(lake, NOW + HOUR) == {"a": 1.0}


def test_a_correction_stands_and_the_past_can_still_be_asked(lake):
    land_labels(PUMPS, lake, [sent("a", 1, hour=4)], now=NOW)
    found = land_labels(PUMPS, lake, [sent("a", 0, hour=5)], now=NOW + DAY)
    assert (found.landed, found.corrected) == (0, 1)
    assert standing(lake, NOW + HOUR) == {"a": 1.0}
    assert standing(lake, NOW + 2 * DAY) == {"a": 0.0}
    assert sorted(lake.read("landed_labels")["label"].to_pylist()) == [0.0, 1.0]


def test_two_corrections_at_once_leave_the_one_observed_last(lake):
    land_labels(PUMPS, lake, [sent("a", 0, hour=6), sent("a", 1, hour=5)], now=NOW)
    assert standing(lake, NOW + HOUR) == {"a": 0.0}


def test_two_labels_for_one_instant_keep_the_first_and_the_other_waits(lake):
    land_labels(PUMPS, lake, [sent("a", 1)], now=NOW)
    found = land_labels(PUMPS, lake, [sent("a", 0)], now=NOW)
    assert [(item.row, item.column) for item in found.refused] == [(0, "label")]
    assert waiting(lake) == [("a-1-online", "the label 1 of the same instant stands")]
    assert standing(lake, NOW + HOUR) == {"a": 1.0}


def test_bad_rows_wait_once_with_their_bytes_and_good_ones_beside_them_land(lake):
    bad = {**sent("a", 7), "note": "?"}
    for _ in range(2):
        found = land_labels(PUMPS, lake, [bad, "nonsense", sent("b", 0)], now=NOW)
    assert [item.row for item in found.refused] == [0, 1]
    apart = lake.read("quarantine/labels").to_pylist()
    assert sorted(json.loads(row["raw"]) if row["key"] else "" for row in apart if row["key"]) == [bad]
    assert len(apart) == 2
    assert standing(lake, NOW + HOUR) == {"b": 0.0}


def test_a_label_of_an_unknown_prediction_waits_until_the_prediction_is_there(lake):
    row = sent("it's late", 1, hour=4)
    assert land_labels(PUMPS, lake, [row, sent("never", 1)], now=NOW).landed == 0
    assert readmit_labels(PUMPS, lake, now=NOW) == 0
    add(lake, ("it's late", 0.7, 2, "west"))
    assert standing(lake, NOW + HOUR) == {}  # its landing was at that instant, and only what was known before counts
    assert standing(lake, NOW + 2 * HOUR) == {"it's late": 1.0}
    assert waiting(lake) == [("never-1-online", "no such prediction")]


def test_a_run_of_the_past_does_not_let_in_what_came_later(lake):
    land_labels(PUMPS, lake, [sent("late", 1)], now=NOW)
    add(lake, ("late", 0.7, 2, "west"))
    assert readmit_labels(PUMPS, lake, now=NOW - HOUR) == 0
    assert waiting(lake) == [("late-1-online", "no such prediction")]
    assert readmit_labels(PUMPS, lake, now=NOW) == 1
    assert waiting(lake) == []


def test_without_any_prediction_everything_waits(tmp_path):
    lake = Lake(str(tmp_path), "pumps")
    assert len(land_labels(PUMPS, lake, [sent("a", 1)], now=NOW).refused) == 1
    assert not lake.exists("landed_labels")


def test_of_racing_writers_of_one_label_exactly_one_lands(lake):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda value: land_labels(PUMPS, lake, [sent("a", value % 2)], now=NOW), range(8)))
    assert sum(item.landed for item in found) == 1
    assert sum(item.landed + item.repeated + len(item.refused) for item in found) == 8
    assert lake.read("landed_labels").num_rows == 1


def test_training_counts_no_immature_decision_as_a_negative(lake):
    """With `absent` a decision waits for its maturity, in the training set as in the measures."""
    label = PUMPS.decision.label.model_copy(update={"absent": 0.0})
    system = PUMPS.model_copy(update={"decision": PUMPS.decision.model_copy(update={"label": label})})
    lake.replace_days("training_sets", training_rows([0], per_day=2), FIRST)
    land_labels(PUMPS, lake, [sent("a", 1)], now=NOW)
    lake.replace_days("events/outcome", outcomes(("0-1", True, 4)), FIRST)
    after = {day: read_training_set(system, lake, FIRST, labels_before=START + day * DAY) for day in (1, 3)}
    assert after[1]["label"].to_pylist() == [None, None]
    assert after[3]["label"].to_pylist() == [0.0, 1.0]
    plain = read_training_set(PUMPS, lake, FIRST, labels_before=START + 3 * DAY)
    assert plain["label"].to_pylist() == [None, 1.0]
