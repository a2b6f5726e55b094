"""The assets that tie a system's DAGs together; their events carry partition keys."""

from __future__ import annotations

from typing import Literal

from airflow.sdk import Asset

Noun = Literal[
    "landed",
    "events",
    "batch_tiles",
    "training_set",
    "online_features",
    "model",
    "champion",
    "predictions",
    "labels",
    "performance",
]


def asset(system: str, noun: Noun) -> Asset:
    """The asset `{system}/{noun}`.

    >>> asset("flights", "events").name
    'flights/events'
    """
    return Asset(name=f"{system}/{noun}", group="ai-patterns")
