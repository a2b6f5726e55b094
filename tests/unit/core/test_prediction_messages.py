"""A prediction comes out of its message as it went in, bit by bit; whatever else comes is refused with its reason."""

import datetime as dt
import json
import math
import struct

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_patterns.core.prediction_messages import decode
from ai_patterns.core.predictions import SHADOW_TABLE, TABLE
from logging_plant import ROW, SCHEMA, SYSTEM, messages
from plant import Arrived

INSTANTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30), timezones=st.just(dt.UTC))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
ROWS = st.fixed_dictionaries(
    {
        "prediction_id": TEXTS,
        "id": st.none() | TEXTS,
        "seen": INSTANTS,
        "level": st.none() | st.integers(-(2**63), 2**63 - 1),
        "heat": st.none() | st.floats(),
        "good": st.none() | st.booleans(),
        "decided_at": INSTANTS,
        "served_at": INSTANTS,
        "features": st.dictionaries(TEXTS, st.none() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS).map(
            lambda values: msgspec.json.encode(values).decode()
        ),
        "score": st.floats(),
        "model_version": st.integers(0, 2**63 - 1),
        "degraded": st.lists(TEXTS),
        "mode": st.just("online"),
        "explored": st.none() | st.booleans(),
        "holdout": st.none() | st.booleans(),
        "propensity": st.none() | st.floats(0, 1),
    }
)


def bits(value):
    """A float as its bytes, of which every NaN has the same."""
    if not isinstance(value, float):
        return value
    return "nan" if math.isnan(value) else struct.pack("d", value)


def test_a_row_comes_back_as_the_table_has_it() -> None:
    sent = [ROW, {**ROW, "explored": True, "holdout": False, "propensity": 1 / 3, "degraded": []}]
    rows, refused = decode(SYSTEM, TABLE, messages(*sent))
    assert refused == ()
    assert rows.equals(pa.Table.from_pylist(sent, SCHEMA))


@given(st.lists(ROWS, max_size=3))
@settings(max_examples=200, deadline=None)
def test_every_value_comes_back_bit_by_bit(sent) -> None:
    rows, refused = decode(SYSTEM, TABLE, messages(*sent))
    assert refused == ()
    expected = [{**row, "day": row["decided_at"].date()} for row in sent]
    found = [{name: bits(value) for name, value in row.items()} for row in rows.to_pylist()]
    assert found == [{name: bits(row[name]) for name in SCHEMA.names} for row in expected]


def changed(**values) -> bytes:
    (message,) = messages(ROW)
    told = {**json.loads(message.value), **values}
    return json.dumps({name: value for name, value in told.items() if value != "absent"}).encode()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty value: the message has no value"),
        (changed()[:-1], "truncated: "),
        (changed() + b"}", "malformed: "),
        (b"[1]", "type: Expected `object`, got `array`"),
        (changed(score="absent"), "missing field: score"),
        (changed(colour="red"), "unknown field: colour"),
        (changed(prediction_id=None), "type: prediction_id: Expected `str`, got `null`"),
        (changed(score=None), "type: score: Expected "),
        (changed(score="high"), "type: score: Invalid enum value 'high'"),
        (changed(model_version=1.5), "type: model_version: Expected `int`, got `float`"),
        (changed(level=2**63), "type: level: Expected `int` <= 9223372036854775807"),
        (changed(seen=None), "type: seen: Expected `datetime`, got `null`"),
        (changed(decided_at="2024-03-01T12:00:00"), "type: decided_at: Expected `datetime` with a timezone component"),
        (changed(decided_at="0001-01-01T00:00:00+05:00"), "type: an instant outside the years 1 to 9999 in UTC"),
        (changed(seen="9999-12-31T23:59:59-05:00"), "type: an instant outside the years 1 to 9999 in UTC"),
        (changed(features=[1]), "type: features: Expected `object`"),
        (changed(degraded=[None]), "type: degraded[0]: Expected `str`, got `null`"),
        (changed(mode="shadow"), "type: mode: Invalid enum value 'shadow'"),
        (changed(mode="batch"), "type: mode: Invalid enum value 'batch'"),
        (changed().replace(b'"level": 1', b'"level": \xff'), "encoding: no UTF-8 at byte "),
    ],
)
def test_what_is_no_prediction_is_refused_and_the_rest_is_not(value, reason) -> None:
    (good,) = messages(ROW)
    rows, refused = decode(SYSTEM, TABLE, [good, Arrived(value, 1), good])
    assert rows.num_rows == 2
    ((index, found),) = [(each.index, str(each.reason)) for each in refused]
    assert index == 1
    assert found.startswith(reason)


def test_a_message_without_a_key_is_refused() -> None:
    (good,) = messages(ROW)
    rows, refused = decode(SYSTEM, TABLE, [Arrived(good.value, key=None)])
    assert (rows.num_rows, [each.reason.kind for each in refused]) == (0, ["null key"])


def test_the_rows_of_one_table_are_refused_by_the_other() -> None:
    shadow = messages({**ROW, "mode": "shadow"})
    assert decode(SYSTEM, SHADOW_TABLE, shadow)[0]["mode"].to_pylist() == ["shadow"]
    assert [each.reason.field for each in decode(SYSTEM, SHADOW_TABLE, messages(ROW))[1]] == ["mode"]
