"""What an expectation may hold for SQL to say it exactly."""

import pytest

from ai_patterns.core.expectation_sql import to_query
from ai_patterns.core.expectations import Configuration

KINDS = {"whole": "whole", "gaps": "floating", "text": "text", "truth": "truth", "at": "instant", "date": "other"}


@pytest.mark.parametrize(
    ("type_", "kwargs"),
    [
        ("column_mean_to_be_between", {"column": "whole", "min_value": 0}),  # hangs on the order of additions
        ("column_values_to_not_be_null", {"column": "absent"}),
        ("column_values_to_not_be_null", {"column": "text", "mostly": 1.5}),
        ("column_values_to_not_be_null", {"column": "text", "row_condition": "whole > 1"}),
        ("column_values_to_be_between", {"column": "whole"}),
        ("column_values_to_be_between", {"column": "whole", "min_value": 2, "max_value": 1}),
        ("column_values_to_be_between", {"column": "whole", "min_value": {"$PARAMETER": "low"}}),
        ("column_values_to_be_between", {"column": "whole", "min_value": 2**53 + 1}),  # becomes a double
        ("column_values_to_be_between", {"column": "whole", "min_value": float("nan")}),
        ("column_values_to_be_between", {"column": "whole", "min_value": True}),
        ("column_values_to_be_between", {"column": "whole", "min_value": 0, "strict_min": 1}),
        ("column_values_to_be_between", {"column": "text", "min_value": "a"}),
        ("column_values_to_be_between", {"column": "date", "min_value": "2024-01-01"}),
        ("column_values_to_be_between", {"column": "at", "min_value": "2024-01-01T00:00:00"}),  # without a zone
        ("column_values_to_be_between", {"column": "at", "min_value": "2024-02-30T00:00:00Z"}),
        ("column_values_to_be_in_set", {"column": "whole", "value_set": [1, 2.5]}),
        ("column_values_to_be_in_set", {"column": "whole", "value_set": [2**63]}),
        ("column_values_to_be_in_set", {"column": "gaps", "value_set": [2**53 + 1]}),
        ("column_values_to_be_in_set", {"column": "gaps", "value_set": [1, "1"]}),
        ("column_values_to_be_in_set", {"column": "text", "value_set": [None, "a"]}),
        ("column_values_to_be_in_set", {"column": "text", "value_set": ["\0"]}),
        ("column_values_to_be_in_set", {"column": "text", "value_set": ["\ud800"]}),
        ("column_values_to_be_in_set", {"column": "text", "value_set": []}),
        ("column_values_to_be_in_set", {"column": "truth", "value_set": [True]}),
        ("column_values_to_match_regex", {"column": "text", "regex": r"\d"}),
        ("column_values_to_match_regex", {"column": "whole", "regex": "1"}),
        ("compound_columns_to_be_unique", {"column_list": ["whole", "whole"]}),
        ("compound_columns_to_be_unique", {"column_list": ["whole", "text"], "ignore_row_if": "never"}),
        ("table_row_count_to_equal", {"value": 2.0}),
        ("column_to_exist", {"column": "absent"}),
        ("column_to_exist", {"column": "text", "column_index": 1}),
    ],
)
def test_what_may_differ_is_refused(type_: str, kwargs: dict[str, object]) -> None:
    assert to_query(Configuration(f"expect_{type_}", kwargs), KINDS) is None
