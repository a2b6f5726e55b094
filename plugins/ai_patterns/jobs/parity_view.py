"""Parity for people: the shares of the last days, and one prediction's two vectors side by side."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.cells import json_text
from ai_patterns.core.days import Days
from ai_patterns.core.parity import CAUSES
from ai_patterns.jobs.parity import compare
from ai_patterns.jobs.parity_tables import SUMMARY
from ai_patterns.jobs.recent_values import recent_relations
from ai_patterns.jobs.served_vectors import Place, read_vector
from ai_patterns.spec.system import SystemSpec

LATEST = 14


@dataclass(frozen=True)
class Pair:
    """One feature of one prediction.

    Attributes:
        feature: its name.
        served: what was logged, as JSON; None where the vector lacks it.
        recomputed: what it should have been, as JSON.
        cause: the class of the difference; None where there is none.
        age_hours: how old a stale value was.
    """

    feature: str
    served: str | None
    recomputed: str | None
    cause: str | None
    age_hours: float | None


@dataclass(frozen=True)
class VectorPair:
    """One prediction's two vectors.

    Attributes:
        prediction_id: its id.
        decided_at: the instant whose knowledge it was to use, UTC.
        served_at: when it was answered, UTC.
        pairs: its features: inputs, then the model's.
    """

    prediction_id: str
    decided_at: dt.datetime
    served_at: dt.datetime
    pairs: tuple[Pair, ...]


def read_pair(system: SystemSpec, lake: Lake, place: Place) -> VectorPair:
    """Both vectors of one online prediction; the second is recomputed now."""
    served = read_vector(system, lake, place)
    relations = recent_relations(system, lake, served.rows.to_pylist()[0])
    found = compare(system, lake, served, relations).found
    pairs = []
    for name, differs in found.differs.items():
        age = float(found.age[name][0])
        cause = CAUSES[found.cause[name][0]] if differs[0] else None
        texts = json_text(found.served[name], 0), json_text(found.right[name], 0)
        pairs.append(Pair(name, *texts, cause, None if np.isnan(age) else age))
    facts = served.predictions.to_pylist()[0]
    return VectorPair(place.prediction_id, facts["decided_at"], facts["served_at"], tuple(pairs))


def read_shares(lake: Lake, days: Days | None = None) -> list[dict[str, Any]]:
    """Rows of `parity_summary` on `days`, by default on the last days that were checked, in order of the day."""
    if not lake.exists(SUMMARY):
        return []
    table = lake.read(SUMMARY, days)
    if days is None and table.num_rows:
        last = sorted(set(table[DAY].to_pylist()))[-LATEST:]
        table = table.filter(pc.greater_equal(table[DAY], last[0]))
    rows: list[dict[str, Any]] = table.sort_by([(DAY, "ascending"), ("feature", "ascending")]).to_pylist()
    return rows


def read_examples(lake: Lake, days: Days | None = None, most: int = 8) -> list[str]:
    """Ids of some predictions with a difference, the newest days first."""
    if not lake.exists("parity"):
        return []
    found = lake.read("parity", days, [DAY, "prediction_id", "forgiven"]).sort_by(
        [("forgiven", "ascending"), (DAY, "descending"), ("prediction_id", "ascending")]
    )
    return list(dict.fromkeys(found["prediction_id"].to_pylist()))[:most]
