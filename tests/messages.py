"""Messages as plain data, and values for the topic of a small stream."""

import dataclasses
import datetime as dt
import json

from ai_patterns.spec.streams import StreamSpec

NOW = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)

READINGS = StreamSpec(
    sql="readings.sql",
    topic="plant.readings",
    key=("id",),
    event_time="seen",
    known_time="told",
    columns={
        "id": {"type": "string", "nullable": True, "pattern": "r[0-9]+"},
        "seen": "timestamp",
        "told": "timestamp",
        "class": {"type": "string", "values": ["hot", "cold"]},
        "level": {"type": "integer", "nullable": True, "max": 10},
        "heat": {"type": "double", "nullable": True, "min": -5},
        "good": "boolean?",
    },
)


@dataclasses.dataclass(frozen=True)
class Arrived:
    """One message."""

    value: bytes | None
    offset: int = 0
    partition: int = 0
    key: bytes | None = b"k"
    timestamp_ms: int = int(NOW.timestamp() * 1000)


def fields(**changes):
    """A good event, changed."""
    good = {
        "id": "r1",
        "seen": "2024-03-01T10:00:00Z",
        "told": "2024-03-01T12:30:00.123456+01:00",
        "class": "hot",
        "level": 3,
        "heat": 1.5,
        "good": True,
    }
    return {**good, **changes}


def value(without=(), **changes):
    """A good event as JSON, changed."""
    return json.dumps({name: item for name, item in fields(**changes).items() if name not in without}).encode()
