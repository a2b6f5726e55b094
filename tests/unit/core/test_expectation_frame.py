"""What a column is to pandas."""

import pyarrow as pa

from ai_patterns.core.expectation_frame import kinds_of


def test_columns_that_no_expectation_can_be_exact_about_have_no_kind() -> None:
    rows = pa.table(
        {
            "small": pa.array([1.5], pa.float32()),
            "list": pa.array([[1]]),
            "none": pa.nulls(1),
            "naive": pa.array([0], pa.timestamp("us")),
            "bytes": pa.array([b"x"]),
        }
    )
    assert kinds_of(rows) == {"naive": "other"}
