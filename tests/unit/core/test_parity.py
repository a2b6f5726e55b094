"""Cells compare by their bits; a cause is given only where its alternative says exactly what was served."""

import json

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.core.cells import ABSENT, Cells, column_cells, json_text, same, to_cells
from ai_patterns.core.parity import CAUSES, Alternative, Cause, Differences
from ai_patterns.core.predictions import features_json

values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=5), st.just(-0.0)
)
ROWS = np.arange(3)


@given(st.lists(values, max_size=20))
@settings(deadline=None)
def test_the_log_brings_every_value_back_to_the_bit(items) -> None:
    logged = [json.loads(features_json({"x": item}))["x"] for item in items]
    assert same(to_cells(logged), to_cells(logged)).all()
    assert [json.loads(json_text(to_cells(logged), row) or "") for row in range(len(items))] == logged


@given(st.lists(st.floats() | st.none(), min_size=1, max_size=20))
@settings(deadline=None)
def test_a_column_is_what_its_log_would_say(items) -> None:
    column = pa.chunked_array([pa.array(items, pa.float64())])
    logged = [json.loads(features_json({"x": item}))["x"] for item in items]
    assert same(column_cells(column), to_cells(logged)).all()


@given(values, values)
@settings(deadline=None)
def test_values_with_other_json_differ(one, other) -> None:
    texts = [json.dumps(json.loads(features_json({"x": item}))["x"]) for item in (one, other)]
    numbers = all(type(json.loads(text)) in (int, float) for text in texts)
    equal = bool(same(to_cells([json.loads(texts[0])]), to_cells([json.loads(texts[1])]))[0])
    assert equal == (texts[0] == texts[1]) or (numbers and float(texts[0]) == float(texts[1]))


def test_an_absent_feature_equals_nothing() -> None:
    assert not same(to_cells([ABSENT, ABSENT]), to_cells([ABSENT, None])).any()


def cells(*items: object) -> Cells:
    return to_cells(items)


def causes(found: Differences, name: str) -> list[Cause | None]:
    return [CAUSES[code] if code >= 0 else None for code in found.cause[name]]


def test_a_cause_needs_every_touched_feature_to_agree() -> None:
    served = {"a": cells(1.0, 1.0, 5.0), "b": cells(2.0, 9.0, 5.0)}
    found = Differences(served, {"a": cells(5.0, 5.0, 5.0), "b": cells(5.0, 5.0, 5.0)})
    stale = {"a": cells(1.0, 1.0, 1.0), "b": cells(2.0, 2.0, 2.0)}
    found.explain_features([Alternative("stale_store", stale, ROWS, np.array([1.0, 2.0, 3.0]))])
    assert causes(found, "a") == causes(found, "b") == ["stale_store", None, None]
    assert found.age["a"].tolist()[:1] == [1.0]
    assert found.open_rows.tolist() == [1]
    found.finish()
    assert causes(found, "a") == causes(found, "b") == ["stale_store", "code", None]


def test_the_alternative_that_explains_most_goes_first() -> None:
    found = Differences({"a": cells(1.0, 1.0, 1.0)}, {"a": cells(5.0, 5.0, 5.0)})
    chance = Alternative("known_time_leak", {"a": cells(1.0, 2.0, 3.0)}, ROWS)
    fault = Alternative("stale_store", {"a": cells(1.0, 1.0, 3.0)}, ROWS)
    found.explain_features([chance, fault])
    assert causes(found, "a") == ["stale_store", "stale_store", None]


def test_nothing_explains_nothing() -> None:
    """Nulls and zeros agree with too many alternatives to speak for one."""
    found = Differences({"a": cells(None, 0.0, 0.0)}, {"a": cells(5.0, 5.0, None)})
    found.explain_features([Alternative("stale_store", {"a": cells(None, 0.0, 0.0)}, ROWS)])
    found.explain_missing({"a": np.array([False, False, False])})
    found.finish()
    assert causes(found, "a") == ["missing", "code", "missing"]


def test_where_the_lake_knows_nothing_a_value_is_missing_there() -> None:
    found = Differences({"a": cells(-1.0, -1.0)}, {"a": cells(0.0, 0.0)})
    found.explain_missing({"a": np.array([True, False])})
    found.finish()
    assert causes(found, "a") == ["missing", "code"]


def test_single_cells_tell_of_types_and_zones() -> None:
    served = cells("7.5", "2013-03-10T02:00:00+00:00", "2013-03-10T02:20:00+00:00")
    found = Differences({"a": served}, {"a": cells(7.5, "2013-03-09T21:00:00+00:00", "2013-03-09T21:00:00+00:00")})
    found.explain_cells()
    found.finish()
    assert causes(found, "a") == ["type", "time_zone", "code"]
