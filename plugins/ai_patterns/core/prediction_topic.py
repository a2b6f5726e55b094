"""Predictions on their way into a topic: one JSON object (RFC 8259) a row, the columns of the table but the day."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ai_patterns.core.predictions import SHADOW_TABLE, Kind, prediction_columns
from ai_patterns.errors import MissingDependencyError, SpecError
from ai_patterns.spec.system import SystemSpec

try:
    import msgspec
except ImportError:
    raise MissingDependencyError("msgspec", "kafka") from None

DAY, ID = "day", "prediction_id"


def topic_of(system: SystemSpec, table: str) -> str:
    """The topic whose rows land in `predictions` or in `shadow_predictions`.

    Raises:
        SpecError: the system declares none.
    """
    topic = system.decision.topic
    if topic is None:
        raise SpecError(
            f"predictions of {system.name!r} have no topic: name one, such as {system.name}.predictions",
            field="decision.topic",
        )
    return f"{topic}.shadow" if table == SHADOW_TABLE else topic


def encode(system: SystemSpec, columns: Mapping[str, Sequence[Any]]) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each row's message; the key is the prediction's id.

    Numbers come back bit by bit. Those that JSON has no number for are the strings `NaN`, `Infinity` and `-Infinity`,
    as in Protocol Buffers' JSON ("ProtoJSON Format", Google 2024). `features` is an object, byte for byte the lake's.

    Args:
        system: the system's spec.
        columns: the columns of `core.predictions.prediction_columns`; instants are in UTC.
    """
    kinds = {name: kind for name, kind in prediction_columns(system).items() if name != DAY}
    rows = zip(*(_written(name, kind, columns[name]) for name, kind in kinds.items()), strict=True)
    for key, row in zip(columns[ID], rows, strict=True):
        yield key.encode(), msgspec.json.encode(dict(zip(kinds, row, strict=True)))


def _written(name: str, kind: Kind, values: Sequence[Any]) -> Sequence[Any]:
    if name == "features":
        return [msgspec.Raw(text.encode()) for text in values]
    if kind == "double":
        return [value if value is None or math.isfinite(value) else _spell(value) for value in values]
    return values


def _spell(value: float) -> str:
    return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
