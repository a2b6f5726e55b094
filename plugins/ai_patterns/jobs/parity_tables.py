"""The lake's tables `parity`, one row a difference, and `parity_summary`, one row a feature and day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.cells import Array, json_text
from ai_patterns.core.days import Days
from ai_patterns.core.parity import CAUSES, Differences
from ai_patterns.core.predictions import json_value

DIFFERENCES, SUMMARY = "parity", "parity_summary"

DIFFERENCES_SCHEMA = pa.schema(
    [
        (DAY, pa.date32()),
        ("prediction_id", pa.string()),
        ("key", pa.string()),
        ("feature", pa.string()),
        ("class", pa.string()),
        ("served", pa.string()),
        ("recomputed", pa.string()),
        ("age_hours", pa.float64()),
        ("forgiven", pa.bool_()),
    ]
)
SUMMARY_SCHEMA = pa.schema(
    [
        (DAY, pa.date32()),
        ("feature", pa.string()),
        ("compared", pa.int64()),
        ("differing", pa.int64()),
        ("forgiven", pa.int64()),
        ("share", pa.float64()),
        *((cause, pa.int64()) for cause in CAUSES),
    ]
)


@dataclass(frozen=True)
class Compared:
    """What came of the comparison of some predictions.

    Attributes:
        predictions: their id, key and `day`.
        key: names of the key's columns.
        found: the differences.
        comparable: feature -> where there was something to compare with.
        forgiven: feature -> where a difference is no failure.
    """

    predictions: pa.Table
    key: Sequence[str]
    found: Differences
    comparable: dict[str, Array]
    forgiven: dict[str, Array]


def write_parity(lake: Lake, compared: Compared, days: Days) -> None:
    """Replace both tables' rows of `days`."""
    for table, rows, schema in (
        (DIFFERENCES, _differences(compared), DIFFERENCES_SCHEMA),
        (SUMMARY, _summary(compared), SUMMARY_SCHEMA),
    ):
        lake.replace_days(table, pa.Table.from_pylist(list(rows), schema), days)


def _differences(compared: Compared) -> Iterator[dict[str, Any]]:
    found, facts = compared.found, compared.predictions.to_pylist()
    for name, differs in found.differs.items():
        for row in map(int, np.flatnonzero(differs)):
            age = float(found.age[name][row])
            yield {
                DAY: facts[row][DAY],
                "prediction_id": facts[row]["prediction_id"],
                "key": json.dumps([json_value(facts[row][part]) for part in compared.key]),
                "feature": name,
                "class": CAUSES[found.cause[name][row]],
                "served": json_text(found.served[name], row),
                "recomputed": json_text(found.right[name], row),
                "age_hours": None if np.isnan(age) else age,
                "forgiven": bool(compared.forgiven[name][row]),
            }


def _summary(compared: Compared) -> Iterator[dict[str, Any]]:
    days = np.array(compared.predictions[DAY].to_pylist(), object)
    for day in sorted(set(days)):
        for name, differs in compared.found.differs.items():
            today = (days == day) & compared.comparable[name]
            count, differing = int(today.sum()), int((today & differs).sum())
            causes = np.bincount(compared.found.cause[name][today & differs], minlength=len(CAUSES))
            yield {
                DAY: day,
                "feature": name,
                "compared": count,
                "differing": differing,
                "forgiven": int((today & compared.forgiven[name]).sum()),
                "share": differing / count if count else 0.0,
                **dict(zip(CAUSES, map(int, causes), strict=True)),
            }
