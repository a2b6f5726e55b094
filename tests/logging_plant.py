"""A plant whose predictions go by a topic, and its messages."""

from __future__ import annotations

from typing import Any

from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.prediction_topic import encode
from ai_patterns.spec.system import SystemSpec
from plant import NOW, Arrived, plant

KEY = ("id", "seen", "level", "heat", "good")


def logging_plant() -> SystemSpec:
    """The plant, decided on by a key of every type, of which all but the instant may be null."""
    document = plant("plant.readings").model_dump(mode="json", exclude_none=True)
    document["streams"]["readings"]["key"] = KEY
    document["decision"] |= {"inputs": KEY, "topic": "plant.predictions"}
    return SystemSpec.model_validate(document)


SYSTEM = logging_plant()
SCHEMA = prediction_schema(SYSTEM)
ROW = {
    "prediction_id": "p1",
    "id": 'r1 "Käse"\n',
    "seen": NOW,
    "level": -(2**63),
    "heat": 0.1,
    "good": True,
    "decided_at": NOW.replace(microsecond=1),
    "served_at": NOW,
    "features": '{"level":1,"class":"h\\u00f6t","none":null}',
    "score": 0.1 + 0.2,
    "model_version": 3,
    "degraded": ["shop__open", "b"],
    "mode": "online",
    "day": NOW.date(),
    "explored": None,
    "holdout": None,
    "propensity": None,
}


def messages(*rows: dict[str, Any]) -> list[Arrived]:
    columns = {name: [row.get(name) for row in rows] for name in SCHEMA.names}
    return [Arrived(value, offset, key=key) for offset, (key, value) in enumerate(encode(SYSTEM, columns))]
