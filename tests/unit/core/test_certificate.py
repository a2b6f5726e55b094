"""The certificate: equal buckets, and the keys of those that are not."""

from __future__ import annotations

import datetime as dt
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.core.certificate import compare

keys = st.tuples(st.text(max_size=3), st.integers(-(2**63), 2**63 - 1))
numbers = st.one_of(st.none(), st.floats())
sides = st.dictionaries(keys, st.fixed_dictionaries({"late_1h": numbers, "delay_3h": numbers}), max_size=40)


@given(sides)
@settings(deadline=None)
def test_a_side_equals_itself_in_any_order(side) -> None:
    other = {key: dict(reversed(values.items())) for key, values in reversed(side.items())}
    buckets, differing = compare(side, other)
    assert all(bucket.equal for bucket in buckets)
    assert sum(bucket.keys for bucket in buckets) == len(side)
    assert differing == []


@given(sides.filter(bool), st.data())
@settings(deadline=None)
def test_one_bit_is_found_in_its_bucket_and_no_other(side, data) -> None:
    key = data.draw(st.sampled_from(sorted(side, key=repr)))
    value = side[key]["late_1h"]
    # NaN has no neighbour, and a missing value is not a number.
    other = (
        0.0 if value is None or math.isnan(value) else math.nextafter(value, -1.0 if value == math.inf else math.inf)
    )
    changed = {**side, key: {**side[key], "late_1h": other}}
    buckets, differing = compare(side, changed)
    assert [difference.key for difference in differing] == [key]
    assert sum(not bucket.equal for bucket in buckets) == 1
    assert differing[0].merged == side[key]
    assert differing[0].recomputed == changed[key]


def test_an_entity_of_one_side_alone_differs() -> None:
    _, differing = compare({("JFK",): {"late_1h": 0.0}}, {("LGA",): {"late_1h": 0.0}})
    assert [(item.key, item.merged is None, item.recomputed is None) for item in differing] == [
        (("JFK",), False, True),
        (("LGA",), True, False),
    ]


def test_zero_minus_zero_null_and_an_instant_are_told_apart() -> None:
    instant = dt.datetime(2013, 4, 1, tzinfo=dt.UTC)
    for one, other in ((0.0, -0.0), (0.0, None), (math.nan, None), (instant, instant + dt.timedelta(microseconds=1))):
        assert len(compare({(): {"value": one}}, {(): {"value": other}})[1]) == 1


def test_buckets_keep_their_number_and_order() -> None:
    side = {(number,): {"value": number} for number in range(500)}
    buckets, _ = compare(side, side, buckets=8)
    assert [bucket.number for bucket in buckets] == list(range(8))
    assert min(bucket.keys for bucket in buckets) > 30
