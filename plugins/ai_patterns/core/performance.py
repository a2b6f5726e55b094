"""Performance of served predictions: overall, by model version and by slice."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.core.feedback import LABELLED, UNLABELLED, WAITING, one_per_decision
from ai_patterns.core.metrics import measure
from ai_patterns.spec.model import OF_TASK, Task

ALL = "all"
"""The slice that holds every prediction."""


def performance_schema(task: Task) -> pa.Schema:
    """Schema of the `performance` table; `model_version` is null over all versions, a metric where undefined."""
    counts = [(name, pa.int64()) for name in ("rows", WAITING, UNLABELLED)]
    figures = [(name, pa.float64()) for name in ("mean_score", "mean_label", *OF_TASK[task])]
    return pa.schema([("day", pa.date32()), ("model_version", pa.int64()), ("slice", pa.string()), *counts, *figures])


def measure_rows(rows: pa.Table, *, key: Sequence[str], slices: Sequence[str], task: Task, day: dt.date) -> pa.Table:
    """Measure joined predictions (`core.feedback.join_known_labels`).

    Over all versions each decision counts once, by the prediction that was acted on; a version is measured
    on each of its predictions once. Slices are taken over all versions.
    """
    acted_on = one_per_decision(rows, key)
    found = [_measure(acted_on, None, ALL, task)]
    for version in sorted(pc.unique(rows["model_version"]).to_pylist()):
        of_version = rows.filter(pc.equal(rows["model_version"], version))
        found.append(_measure(one_per_decision(of_version, key), version, ALL, task))
    for column in slices:
        found += [_measure(part, None, f"{column}={value}", task) for value, part in _parts(acted_on, column)]
    return pa.Table.from_pylist([{"day": day, **row} for row in found], performance_schema(task))


def _parts(rows: pa.Table, column: str) -> Iterator[tuple[Any, pa.Table]]:
    for value in sorted(pc.unique(rows[column].drop_null()).to_pylist()):
        yield value, rows.filter(pc.equal(rows[column], value))


def _measure(rows: pa.Table, version: int | None, title: str, task: Task) -> dict[str, Any]:
    states = {state: pc.sum(pc.equal(rows["state"], state)).as_py() or 0 for state in (LABELLED, WAITING, UNLABELLED)}
    labelled = rows.filter(pc.equal(rows["state"], LABELLED))
    truth, score = labelled["label"].to_numpy(), labelled["score"].to_numpy()
    figures = {"mean_score": pc.mean(rows["score"]).as_py(), "mean_label": pc.mean(labelled["label"]).as_py()}
    figures |= measure(task, truth, score) if len(labelled) else {}
    counts = {"rows": states[LABELLED], WAITING: states[WAITING], UNLABELLED: states[UNLABELLED]}
    plain = {name: None if value is None or math.isnan(value) else value for name, value in figures.items()}
    return {"model_version": version, "slice": title, **counts, **plain}
