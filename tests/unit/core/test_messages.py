import datetime as dt
import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.core.message_reasons import LARGEST_VALUE
from ai_patterns.core.messages import SKEW, decode, row_schema
from plant import NOW, READINGS, Arrived, fields, value


def reasons(*messages, now=NOW):
    return [str(item.reason) for item in decode(READINGS, messages, now=now).refused]


def test_good_values_become_typed_rows_with_their_place_in_the_topic() -> None:
    batch = [Arrived(value(), 7, 2), Arrived(value(without=("level", "heat", "good"), id="r2"), 8, 2)]
    decoded = decode(READINGS, batch, now=NOW)
    assert decoded.refused == ()
    assert decoded.rows.schema == row_schema(READINGS)
    told = dt.datetime(2024, 3, 1, 11, 30, 0, 123456, tzinfo=dt.UTC)
    seen = dt.datetime(2024, 3, 1, 10, tzinfo=dt.UTC)
    times, place = {"seen": seen, "told": told}, {"topic_partition": 2}
    assert decoded.rows.to_pylist() == [
        {**fields(**times), **place, "topic_offset": 7},
        {**fields(id="r2", level=None, heat=None, good=None, **times), **place, "topic_offset": 8},
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (value()[:-9], "truncated: Input data was truncated"),
        (value()[:3], "truncated: Input data was truncated"),
        (value() + value(), "malformed: JSON is malformed: trailing characters"),
        (b"\xef\xbb\xbf" + value(), "malformed: JSON is malformed: invalid character (byte 0)"),
        (value().decode().encode("utf-16"), "encoding: no UTF-8 at byte 0"),
        (value().replace(b"hot", b"h\xf6t"), "encoding: no UTF-8 at byte "),
        (value().replace(b"hot", rb"\ud800"), "malformed: "),
        (value(heat=float("nan")), "malformed: "),
        (b"[" * 100_000, "type: Expected `object`, got `array`"),
        (b'{"x":' * 50_000, "unknown field: x"),
        (b"7", "type: Expected `object`, got `int`"),
        (value(id=7), "type: id: Expected `str | null`, got `int`"),
        (value(level=1.0), "type: level: Expected `int | null`, got `float`"),
        (value(level=2**63), "type: level: Expected `int` <= 9223372036854775807"),
        (value().replace(b"1.5", b"1e999"), "type: heat: Number out of range"),
        (value(good=1), "type: good: Expected `bool | null`, got `int`"),
        (value(seen="2024-03-01T10:00:00"), "type: seen: Expected `datetime` with a timezone component"),
        (value(seen="2024-03-01"), "type: seen: Invalid RFC3339 encoded datetime"),
        (value(seen=1709287200), "type: seen: Expected `datetime | null`, got `int`"),
        (value(seen="0001-01-01T00:00:00+14:00"), "type: seen: outside the years 1 to 9999 in UTC"),
        (value(seen="9999-12-31T23:59:59-14:00"), "type: seen: outside the years 1 to 9999 in UTC"),
        (value(without=("class",)), "missing field: class"),
        (value(colour="red"), "unknown field: colour"),
        (value(id=None), "not_null: id: no value"),
        (value(without=("id",)), "not_null: id: no value"),
        (value(told=None), "not_null: told: no value"),
        (value(**{"class": None}), "not_null: class: no value"),
        (value(**{"class": "warm"}), "values: class: not one of hot, cold"),
        (value(id="r1 "), "pattern: id: does not match r[0-9]+"),
        (value(id="r1\n"), "pattern: id: does not match r[0-9]+"),
        (value(level=11), "range: level: outside any to 10"),
        (value(heat=-5.001), "range: heat: outside -5 to any"),
        (b"", "empty value: the message has no value"),
        (None, "empty value: the message has no value"),
        (value(id="r" + "1" * LARGEST_VALUE), f"oversized: {LARGEST_VALUE + len(value()) - 1} bytes, at most"),
    ],
)
def test_a_bad_value_has_its_reason_and_the_rest_go_on(bad, reason) -> None:
    batch = [Arrived(value(id="r0"), 0), Arrived(bad, 1), Arrived(value(id="r2"), 2)]
    decoded = decode(READINGS, batch, now=NOW)
    assert decoded.rows["id"].to_pylist() == ["r0", "r2"]
    assert [item.index for item in decoded.refused] == [1]
    assert str(decoded.refused[0].reason).startswith(reason)


def test_a_message_without_a_key() -> None:
    assert reasons(Arrived(value(), key=None)) == ["null key: the message has no key"]
    assert reasons(Arrived(value(), key=b"")) == []


def test_the_first_broken_rule_names_the_reason() -> None:
    assert reasons(Arrived(value(level=11, heat=-9, id="x"))) == ["pattern: id: does not match r[0-9]+"]


@pytest.mark.parametrize(
    ("told", "stamp", "now", "refused"),
    [
        (NOW + SKEW, NOW, NOW, False),
        (NOW + SKEW + dt.timedelta(milliseconds=1), NOW, NOW, True),
        (NOW + SKEW + dt.timedelta(milliseconds=1), NOW, NOW + dt.timedelta(days=9), True),
        (NOW + dt.timedelta(days=1), NOW + dt.timedelta(days=1), NOW, True),
        (NOW + dt.timedelta(days=1), None, NOW + dt.timedelta(days=1), False),
        (NOW + dt.timedelta(days=1), None, NOW, True),
    ],
    ids=["at the skew", "past it", "read later", "a stamp ahead of the clock", "no stamp", "no stamp, future"],
)
def test_a_known_time_after_the_arrival(told, stamp, now, refused) -> None:
    stamp_ms = -1 if stamp is None else int(stamp.timestamp() * 1000)
    found = reasons(Arrived(value(told=told.isoformat()), timestamp_ms=stamp_ms), now=now)
    assert found == (["future: told: more than 0:05:00 after the message arrived"] if refused else [])


def test_the_largest_timestamp_counts_as_now() -> None:
    assert reasons(Arrived(value(), timestamp_ms=2**63 - 1)) == []


def test_an_empty_batch() -> None:
    decoded = decode(READINGS, [], now=NOW)
    assert decoded.rows.schema == row_schema(READINGS)
    assert (decoded.rows.num_rows, decoded.refused) == (0, ())


INSTANTS = st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2024, 2, 28), timezones=st.timezones())
EVENTS = st.fixed_dictionaries(
    {
        "id": st.from_regex(r"r[0-9]{1,5}", fullmatch=True),
        "seen": INSTANTS,
        "told": INSTANTS,
        "class": st.sampled_from(["hot", "cold"]),
        "level": st.none() | st.integers(-(2**63), 10),
        "heat": st.none() | st.floats(-5, allow_nan=False, allow_infinity=False),
        "good": st.none() | st.booleans(),
    }
)


NOISE = st.binary(max_size=40) | st.text(max_size=40).map(str.encode)


@settings(deadline=None, max_examples=60)
@given(st.lists(EVENTS, max_size=8), st.lists(NOISE, max_size=8))
def test_what_was_sent_comes_back_and_noise_never_does(events, noise) -> None:
    sent = [json.dumps(event, default=_offset).encode() for event in events]
    messages = [Arrived(item, offset) for offset, item in enumerate([*noise, *sent])]
    decoded = decode(READINGS, messages, now=NOW)
    assert [item.index for item in decoded.refused] == list(range(len(noise)))
    expected = [
        {**event, "topic_partition": 0, "topic_offset": offset} for offset, event in enumerate(events, len(noise))
    ]
    assert decoded.rows.equals(pa.Table.from_pylist(expected, row_schema(READINGS)))


def _offset(at: dt.datetime) -> str:
    return at.astimezone(dt.timezone(at.utcoffset() // dt.timedelta(minutes=1) * dt.timedelta(minutes=1))).isoformat()
