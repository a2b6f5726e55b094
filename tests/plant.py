"""A small system whose stream arrives by a topic: good and bad messages."""

import dataclasses
import datetime as dt
import json

from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

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


def plant(topic):
    """A system whose only stream arrives by a topic."""
    return SystemSpec.model_validate(
        {
            "name": "plant",
            "description": "Will the next reading be hot?",
            "start": "2024-01-01",
            "sources": {"raw": {"path": "raw.csv"}},
            "streams": {"readings": READINGS.model_copy(update={"topic": topic})},
            "decision": {
                "stream": "readings",
                "inputs": ["id", "seen", "level"],
                "label": {"stream": "readings", "column": "good", "maturity": "1d"},
            },
            "model": {
                "estimator": "sklearn.linear_model.LogisticRegression",
                "features": {"everything": ["level"]},
            },
            "gates": {"compare": "brier"},
            "feedback": {"metric": "brier", "max_loss": 0.1, "max_age": "7d", "cooldown": "1d", "budget": 1},
        }
    )
