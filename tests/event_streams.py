"""Random events and the plainest reading of what a feature means, for the tests of tiles and values."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pyarrow as pa
from hypothesis import strategies as st

from ai_patterns.spec.features import AggregationSpec, GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

START = dt.datetime(2024, 3, 30, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


STREAM = StreamSpec(
    sql="events.sql",
    key=("id",),
    event_time="happened",
    known_time="known",
    columns={
        "id": "string",
        "happened": "timestamp",
        "known": "timestamp",
        "key": "string",
        "value": "double?",
        "flag": "boolean?",
    },
)


def system_with(group: GroupSpec, stream: StreamSpec = STREAM) -> SystemSpec:
    """The smallest system that has this group, deciding on every event."""
    return SystemSpec.model_validate(
        {
            "name": "made_up",
            "description": "Events of two entities.",
            "start": START.date(),
            "sources": {"events": {"path": "events.csv"}},
            "streams": {"events": stream},
            "groups": {"activity": group},
            "decision": {
                "stream": "events",
                "inputs": ["id", "happened", "key"],
                "label": {"stream": "events", "column": "flag", "maturity": "1d"},
            },
            "model": {"estimator": "sklearn.linear_model.LogisticRegression", "features": {"plain": ["key"]}},
            "gates": {"compare": "auc"},
            "feedback": {"metric": "auc", "max_loss": 0.1, "max_age": "7d", "cooldown": "1d", "budget": 1},
        }
    )


@st.composite
def events(draw, most=25):
    """Events over three days: ties, late by up to two days or known ahead, negative values and nulls."""
    rows = []
    for number in range(draw(st.integers(1, most))):
        event = START + draw(st.integers(0, 3 * 1440)) * MINUTE
        known = event + draw(st.sampled_from([0, 0, 0, 1, 59, 60, 61, 600, 2880, -1440])) * MINUTE
        value = draw(st.one_of(st.none(), st.integers(-10_000, 10_000).map(lambda cents: cents / 100)))
        rows.append(
            {
                "id": f"e{number:03d}",
                "happened": event,
                "known": known,
                "key": draw(st.sampled_from(["a", "b"])),
                "value": value,
                "flag": draw(st.one_of(st.none(), st.booleans())),
                "day": known.date(),
            }
        )
    return rows


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("happened", pa.timestamp("us", tz="UTC")),
        ("known", pa.timestamp("us", tz="UTC")),
        ("key", pa.string()),
        ("value", pa.float64()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
    ]
)


def floor(instant: dt.datetime, hop: dt.timedelta) -> dt.datetime:
    return instant - (instant - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) % hop


def whole(value: float) -> int:
    """The nearest integer; halves go away from zero."""
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))


def expected(rows, group: GroupSpec, item: AggregationSpec, window: dt.timedelta, at: dt.datetime, key: str | None):
    """The formula, row by row."""
    edge = at if group.layer == "stream" else floor(at, group.hop)
    inside = [
        row
        for row in rows
        if (key is None or row["key"] == key)
        and floor(edge - window, group.hop) < row["happened"] <= edge
        and (row["known"] <= at if group.layer == "stream" else row["known"] < edge)
    ]
    if item.function == "count":
        return float(len(inside))
    if item.function == "last":
        return max(inside, key=lambda row: (row["happened"], row["known"], row["id"]))[item.column] if inside else None
    values = [row[item.column] for row in inside if row[item.column] is not None]
    if item.function in ("min", "max"):
        return (min if item.function == "min" else max)(values, default=None)
    total = sum(Fraction(whole(value * item.scale)) for value in values)
    if item.function == "sum":
        return float(total) / item.scale
    return float(total) / (len(values) * item.scale) if values else None
