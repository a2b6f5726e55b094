"""What a reader of the topic meets: its name, and objects that JSON's readers understand."""

import json

import pytest

from ai_patterns.core.prediction_topic import topic_of
from ai_patterns.core.predictions import SHADOW_TABLE, TABLE
from ai_patterns.errors import SpecError
from logging_plant import ROW, SCHEMA, SYSTEM, messages
from plant import plant


def test_a_message_is_an_object_that_others_can_read() -> None:
    (message,) = messages({**ROW, "score": float("-inf"), "propensity": float("nan")})
    told = json.loads(message.value)
    assert message.key == b"p1"
    assert set(told) == set(SCHEMA.names) - {"day"}
    assert told["features"] == {"level": 1, "class": "höt", "none": None}
    assert (told["score"], told["propensity"]) == ("-Infinity", "NaN")
    assert told["decided_at"] == "2024-03-01T12:00:00.000001Z"


def test_the_shadows_rows_have_a_topic_of_their_own() -> None:
    topics = topic_of(SYSTEM, TABLE), topic_of(SYSTEM, SHADOW_TABLE)
    assert topics == ("plant.predictions", "plant.predictions.shadow")


def test_a_system_without_a_topic_is_told_which_field_is_missing() -> None:
    with pytest.raises(SpecError, match=r"decision\.topic\]: .* name one, such as plant\.predictions"):
        topic_of(plant("plant.readings"), TABLE)
