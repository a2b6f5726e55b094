"""The decision to retrain, with its evidence from the lake, written down."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import DAY, Lake, utc_day
from ai_patterns.core.days import Days
from ai_patterns.core.performance import ALL
from ai_patterns.core.retraining import Champion, Evidence, RetrainingDecision, decide
from ai_patterns.jobs.feedback import LABELS, PERFORMANCE
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
RETRAININGS = "retrainings"
TIMESTAMP = pa.timestamp("us", tz="UTC")


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


def _past_decisions(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read(RETRAININGS).to_pylist() if lake.exists(RETRAININGS) else []
    return rows
