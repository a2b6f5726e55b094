"""The model's input: encodings in the label's order, missing values, and one row equal to many."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import event_streams
from ai_patterns.core.vectors import add_on_demand, learn_encodings, model_matrix
from ai_patterns.spec.features import GroupSpec

GROUP = GroupSpec.model_validate(
    {"stream": "events", "hop": "1h", "aggregations": {"average": "mean(value) over 1h, 3h"}}
)
BASE = event_streams.system_with(GROUP)
SYSTEM = BASE.model_copy(
    update={
        "on_demand": {
            "change": "activity__average_1h - activity__average_3h",
            "ratio": "activity__average_1h / activity__average_3h",
            "hour_of_day": "hour(happened, 'Europe/Berlin')",
        },
        "model": BASE.model.model_copy(
            update={"categorical": ("key",), "features": {"some": ("key", "change", "ratio", "hour_of_day")}}
        ),
    }
)


def rows_of(numbers: list[tuple[float | None, float | None, str | None]]) -> pa.Table:
    return pa.table(
        {
            "key": pa.array([key for *_, key in numbers], pa.string()),
            "happened": pa.array([event_streams.START] * len(numbers), pa.timestamp("us", tz="UTC")),
            "activity__average_1h": pa.array([one for one, *_ in numbers], pa.float64()),
            "activity__average_3h": pa.array([three for _, three, _ in numbers], pa.float64()),
        }
    )


def test_codes_follow_the_mean_label_and_ties_the_name():
    table = rows_of([(1, 1, key) for key in ["late", "early", "late", "early", "b", "a"]])
    codes = learn_encodings(SYSTEM, table, np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0]))
    assert codes == {"key": {"a": 0.0, "b": 1.0, "early": 2.0, "late": 3.0}}


def test_unknown_and_missing_categories_are_nan():
    matrix = model_matrix(
        SYSTEM, add_on_demand(SYSTEM, rows_of([(1, 2, "new"), (1, 2, None), (1, 2, "a")])), {"key": {"a": 0.0}}
    )
    assert np.isnan(matrix[:2, 0]).all()
    assert matrix[2].tolist() == [0.0, -1.0, 0.5, 1.0]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(-1e12, 1e12)),
            st.one_of(st.none(), st.floats(-1e12, 1e12)),
            st.sampled_from("ab"),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_a_row_alone_gives_the_bits_that_it_gives_among_others(numbers):
    codes = {"key": {"a": 0.0, "b": 1.0}}
    together = model_matrix(SYSTEM, add_on_demand(SYSTEM, rows_of(numbers)), codes)
    alone = [model_matrix(SYSTEM, add_on_demand(SYSTEM, rows_of([row])), codes) for row in numbers]
    assert together.tobytes() == np.concatenate(alone).tobytes()
