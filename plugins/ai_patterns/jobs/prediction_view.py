"""Predictions for people: the newest ones of a system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.predictions import TABLE
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.spec.system import SystemSpec

MOST = 50


def read_latest(system: SystemSpec, lake: Lake) -> list[Mapping[str, Any]]:
    """The last `MOST` predictions of the newest day, those that were served online first."""
    facts = table_facts(lake, TABLE)
    if facts is None or facts.last_day is None:
        return []
    columns = ["prediction_id", *system.decision_stream.key, "decided_at", "score", "model_version", "mode"]
    rows = lake.read(TABLE, Days(facts.last_day, facts.last_day), columns)
    order = [("mode", "descending"), ("decided_at", "descending"), ("prediction_id", "ascending")]
    found: list[Mapping[str, Any]] = rows.sort_by(order).slice(0, MOST).to_pylist()
    return found
