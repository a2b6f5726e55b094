"""The feedback loop: labels land, performance is measured, a retraining is decided on."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.lake import DAY, Lake, utc_day
from ai_patterns.core.days import Days
from ai_patterns.core.feedback import LABELLED, join_known_labels
from ai_patterns.core.performance import ALL, measure_rows
from ai_patterns.core.predictions import TABLE as PREDICTIONS
from ai_patterns.core.retraining import Champion, Evidence, RetrainingDecision, decide
from ai_patterns.engines import duckdb
from ai_patterns.jobs.prediction_features import prediction_features
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
LABELS, PERFORMANCE, RETRAININGS = "labels", "performance", "retrainings"
TIMESTAMP = pa.timestamp("us", tz="UTC")


def join_labels(system: SystemSpec, lake: Lake, as_of: dt.datetime) -> int:
    """Write every label that was known before `as_of` (UTC) to `labels`; return their number.

    A day holds what became known on it, one row a decision: of several on a day the one known last. A correction
    on a later day is a row of that day, so that any past instant can be asked again.
    """
    stream = system.decision.label.stream
    before = ds.field(system.streams[stream].known_time) < pa.scalar(as_of, TIMESTAMP)
    rows = label_rows(system, lake.dataset(f"events/{stream}").filter(before))
    if len(rows):
        first = min(system.start, pc.min(rows[DAY]).as_py())
        lake.replace_days(LABELS, rows, Days(first, utc_day(as_of)))
    log.info("labels: %d known before %s", len(rows), as_of.isoformat())
    return len(rows)


def label_rows(system: SystemSpec, events: Any) -> pa.Table:
    """The rows of `labels` from events of the label's stream."""
    label = system.decision.label
    key, known = ", ".join(system.decision_stream.key), system.streams[label.stream].known_time
    sql = f"""
SELECT CAST({known} AS DATE) AS {DAY}, {key}, CAST({label.column} AS DOUBLE) AS label, {known} AS label_known_at
FROM events WHERE {label.column} IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY CAST({known} AS DATE), {key} ORDER BY {known} DESC) = 1
ORDER BY label_known_at, {key}"""
    return duckdb.run(sql, {"events": events})


def measure_performance(system: SystemSpec, lake: Lake, days: Days, as_of: dt.datetime) -> list[dict[str, Any]]:
    """Measure the predictions decided on `days` by the labels known before `as_of`, as `performance` of the last day.

    Returns:
        The rows: all versions, each version, each slice. None where nothing was predicted.
    """
    if not lake.exists(PREDICTIONS):
        log.info("performance: nothing was predicted yet")
        return []
    key, slices = system.decision_stream.key, system.model.slices
    predictions = prediction_features(system, lake, days, slices)
    joined = join_known_labels(
        predictions, _labels(system, lake), key, as_of=as_of, maturity=system.decision.label.maturity
    )
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


def decide_retraining(
    system: SystemSpec, lake: Lake, now: dt.datetime, champion: Champion | None
) -> RetrainingDecision:
    """Decide on retraining at `now` (UTC) and append the decision to `retrainings`, once per `now`."""
    past = _past_decisions(lake)
    known = next((row for row in past if row["decided_at"] == now), None)
    if known is not None:
        return RetrainingDecision(known["retrain"], known["reason"], json.loads(known["evidence"]))
    retrained = tuple(row["decided_at"] for row in past if row["retrain"] and row["decided_at"] < now)
    decision = decide(system.feedback, _evidence(system, lake, now, champion, retrained))
    row = {
        "decided_at": now,
        "retrain": decision.retrain,
        "reason": decision.reason,
        "champion": champion.version if champion else None,
        "evidence": json.dumps(decision.evidence, default=str),
    }
    lake.append(RETRAININGS, pa.Table.from_pylist([row], _RETRAINING))
    log.info(decision.reason)
    return decision


_RETRAINING = pa.schema(
    [
        ("decided_at", TIMESTAMP),
        ("retrain", pa.bool_()),
        ("reason", pa.string()),
        ("champion", pa.int64()),
        ("evidence", pa.string()),
    ]
)


def _evidence(
    system: SystemSpec, lake: Lake, now: dt.datetime, champion: Champion | None, retrained: tuple[dt.datetime, ...]
) -> Evidence:
    if champion is None:
        return Evidence(now, retrained=retrained)
    metric = system.feedback.metric
    latest, measured = _latest(lake, metric, champion.version, utc_day(now))
    return Evidence(
        now=now,
        champion=champion.version,
        champion_since=champion.since,
        retrained=retrained,
        at_promotion=champion.metrics.get(metric),
        latest=latest,
        measured=measured,
        new_labels=_new_labels(lake, champion.since, now),
    )


def _latest(lake: Lake, metric: str, version: int, until: dt.date) -> tuple[float | None, int]:
    """The champion's newest measured metric and the number of labels behind it."""
    if not lake.exists(PERFORMANCE):
        return None, 0
    rows = lake.read(PERFORMANCE, columns=[DAY, "model_version", "slice", "rows", metric])
    mine = [
        row
        for row in rows.to_pylist()
        if row["model_version"] == version and row["slice"] == ALL and row[metric] is not None and row[DAY] <= until
    ]
    newest = max(mine, key=lambda row: row[DAY], default=None)
    return (newest[metric], newest["rows"]) if newest else (None, 0)


def _new_labels(lake: Lake, since: dt.datetime, now: dt.datetime) -> int:
    if not lake.exists(LABELS):
        return 0
    known = ds.field("label_known_at")
    fresh = (known >= pa.scalar(since, TIMESTAMP)) & (known < pa.scalar(now, TIMESTAMP))
    return int(lake.dataset(LABELS, Days(utc_day(since), utc_day(max(since, now)))).count_rows(filter=fresh))


def _labels(system: SystemSpec, lake: Lake) -> pa.Table:
    columns = [*system.decision_stream.key, "label", "label_known_at"]
    if lake.exists(LABELS):
        return lake.read(LABELS, columns=columns)
    stream = lake.dataset(f"events/{system.decision.label.stream}").schema
    fields = [stream.field(name) for name in system.decision_stream.key]
    return pa.schema([*fields, ("label", pa.float64()), ("label_known_at", TIMESTAMP)]).empty_table()


def _past_decisions(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read(RETRAININGS).to_pylist() if lake.exists(RETRAININGS) else []
    return rows
