"""The rules of single rows mean in a batch of messages what they mean in the audit of a day."""

import datetime as dt

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.clients.expectations import failing_rows
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.quality import row_expectations
from ai_patterns.core.row_rules import broken_rules
from plant import READINGS

NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
ROWS = st.fixed_dictionaries(
    {
        "id": st.none() | st.sampled_from(["r1", "r23", "x", "r", "R1", "r1\n", "\nr1", "r1 r2", "", "r\u0661"]),
        "seen": st.none() | st.just(NOON),
        "told": st.just(NOON),
        "class": st.none() | st.sampled_from(["hot", "cold", "Hot", "", "hot "]),
        "level": st.none() | st.sampled_from([-(2**63), 9, 10, 11, 2**53]),
        "heat": st.none() | st.sampled_from([-5.0, -5.0000001, 0.0, -0.0, float("inf"), float("-inf")]),
        "good": st.none() | st.booleans(),
    }
)
SCHEMA = pa.schema([(name, ARROW_TYPES[column.type]) for name, column in READINGS.columns.items()])


@settings(deadline=None, max_examples=15)
@given(st.lists(ROWS, min_size=1, max_size=30))
def test_a_batch_is_judged_as_a_day_is(rows) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    rules = [rule for rule in row_expectations(READINGS) if rule.kind not in {"type", "unique"}]
    found = [(rule, np.flatnonzero(mask).tolist()) for rule, mask in broken_rules(READINGS, table)]
    assert found == [(rule, sorted(places)) for rule, places in failing_rows(table, rules)]
