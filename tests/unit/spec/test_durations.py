from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_patterns.spec.durations import format_duration, parse_duration


@given(st.integers(min_value=0, max_value=10**7))
def test_what_is_written_is_read_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(("text", "seconds"), [("45s", 45), ("5m", 300), ("3h", 10_800), ("30d", 2_592_000), ("0s", 0)])
def test_units(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("text", "shortest"), [("60m", "1h"), ("24h", "1d"), ("90m", "90m"), ("3600s", "1h")])
def test_is_written_with_its_largest_exact_unit(text: str, shortest: str) -> None:
    assert format_duration(parse_duration(text)) == shortest


@pytest.mark.parametrize("text", ["", "3", "h", "3 h", "-3h", "3.5h", "3H", "3w", "1h30m", None, True])
def test_every_other_form_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="such as 45s, 3h or 30d"):
        parse_duration(text)
