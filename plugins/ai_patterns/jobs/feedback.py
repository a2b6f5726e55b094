"""The feedback loop: labels are joined, performance is measured."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days, utc_day
from ai_patterns.core.feedback import LABELLED, join_known_labels
from ai_patterns.core.performance import measure_rows
from ai_patterns.core.predictions import TABLE as PREDICTIONS
from ai_patterns.engines import duckdb
from ai_patterns.jobs.exploration import in_holdout
from ai_patterns.jobs.label_log import label_log
from ai_patterns.jobs.labels import readmit_labels
from ai_patterns.jobs.prediction_features import prediction_features
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
LABELS, PERFORMANCE = "labels", "performance"


def join_labels(system: SystemSpec, lake: Lake, as_of: dt.datetime) -> int:
    """Write every label that was known before `as_of` (UTC) to `labels`; return their number.

    A day holds what became known on it, one row a decision: of several on a day the one known last. A correction
    on a later day is a row of that day, so that any past instant can be asked again. Landed labels that wait for
    their prediction are tried again first.
    """
    readmit_labels(system, lake, now=as_of)
    rows = label_rows(system, label_log(system, lake, as_of))
    if len(rows):
        first = min(system.start, pc.min(rows[DAY]).as_py())
        lake.replace_days(LABELS, rows, Days(first, utc_day(as_of)), widen=True)
    log.info("labels: %d known before %s", len(rows), as_of.isoformat())
    return len(rows)


def label_rows(system: SystemSpec, labels: pa.Table) -> pa.Table:
    """The rows of `labels` from a log of labels, as `label_log` gives it."""
    key = ", ".join(system.decision_stream.key)
    return duckdb.run(
        f"""
SELECT CAST(label_known_at AS DATE) AS {DAY}, {key}, label, label_known_at, observed_at FROM labels
QUALIFY row_number() OVER (PARTITION BY CAST(label_known_at AS DATE), {key}
  ORDER BY label_known_at DESC, observed_at DESC) = 1
ORDER BY label_known_at, {key}""",
        {"labels": labels},
    )


def measure_performance(system: SystemSpec, lake: Lake, days: Days, as_of: dt.datetime) -> list[dict[str, Any]]:
    """Measure the predictions decided on `days` by the labels known before `as_of`, as `performance` of the last day.

    Under exploration only the holdout is measured, whose labels come whatever the score is.

    Returns:
        The rows: all versions, each version, each slice. None where nothing was predicted.
    """
    if not lake.exists(PREDICTIONS):
        log.info("performance: nothing was predicted yet")
        return []
    key, slices = system.decision_stream.key, system.model.slices
    predictions = prediction_features(system, lake, days, slices)
    if system.exploration is not None:
        predictions = in_holdout(lake, days, predictions)
    joined = join_known_labels(predictions, _labels(system, lake), key, system.decision.label, as_of=as_of)
    if not len(predictions):
        return []
    rows = measure_rows(joined.rows, key=key, slices=slices, task=system.model.task, day=days.last)
    lake.replace_days(PERFORMANCE, rows, Days(days.last, days.last))
    log.info(
        "performance on %s: %d of %d predictions have a label; %d labels were never predicted",
        days, joined.count(LABELLED), len(predictions), joined.unknown,
    )  # fmt: skip
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def _labels(system: SystemSpec, lake: Lake) -> pa.Table:
    if not lake.exists(LABELS):
        return label_log(system, lake, dt.datetime.min.replace(tzinfo=dt.UTC))
    found = lake.read(LABELS)
    if "observed_at" not in found.column_names:  # joined before the column was there
        found = found.append_column("observed_at", found["label_known_at"])
    return found
