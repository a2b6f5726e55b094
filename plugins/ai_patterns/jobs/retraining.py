"""The decision to retrain, with its evidence from the lake, written down."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days, utc_day
from ai_patterns.core.performance import ALL
from ai_patterns.core.retraining import Champion, RetrainingDecision, decide
from ai_patterns.core.retraining_evidence import Evidence
from ai_patterns.jobs.checks import CHECKS
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
        return _read(known)
    retrained = tuple(row["decided_at"] for row in past if row["retrain"] and row["decided_at"] < now)
    decision = decide(system.feedback, _evidence(system, lake, now, champion, retrained))
    row = {
        "decided_at": now,
        "retrain": decision.retrain,
        "reason": decision.reason,
        "causes": decision.causes,
        "held_by": decision.held_by,
        "champion": champion.version if champion else None,
        "evidence": json.dumps(decision.evidence, default=str),
    }
    lake.append(RETRAININGS, pa.Table.from_pylist([row], _RETRAINING), widen=True)
    log.info(decision.reason)
    return decision


_RETRAINING = pa.schema(
    [
        ("decided_at", TIMESTAMP),
        ("retrain", pa.bool_()),
        ("reason", pa.string()),
        ("champion", pa.int64()),
        ("evidence", pa.string()),
        ("causes", pa.list_(pa.string())),
        ("held_by", pa.string()),
    ]
)


def _read(row: dict[str, Any]) -> RetrainingDecision:
    causes, held = tuple(row.get("causes") or ()), row.get("held_by")
    return RetrainingDecision(row["retrain"], row["reason"], causes, held, json.loads(row["evidence"]))


def _evidence(
    system: SystemSpec, lake: Lake, now: dt.datetime, champion: Champion | None, retrained: tuple[dt.datetime, ...]
) -> Evidence:
    if champion is None:
        return Evidence(now, retrained=retrained)
    metric = system.feedback.metric
    measures = _measures(lake, metric, champion, now)
    latest = measures[-1] if measures else None
    return Evidence(
        now=now,
        champion=champion.version,
        champion_since=champion.since,
        retrained=retrained,
        at_promotion=champion.metrics.get(metric),
        latest=latest[metric] if latest else None,
        measured=latest["rows"] if latest else 0,
        earlier=tuple((_end(row[DAY]), row[metric]) for row in measures[:-1]),
        new_labels=_labels_known(lake, champion.since, now),
        old_labels=_labels_known(lake, None, champion.since),
        drifted=_drifted(lake, champion.since, now),
    )


def _measures(lake: Lake, metric: str, champion: Champion, now: dt.datetime) -> list[dict[str, Any]]:
    """What was measured of the champion since its promotion, the oldest first."""
    if not lake.exists(PERFORMANCE):
        return []
    days = Days(utc_day(champion.since), utc_day(max(now, champion.since)))
    rows = lake.read(PERFORMANCE, days, columns=[DAY, "model_version", "slice", "rows", metric])
    mine = [
        row
        for row in rows.to_pylist()
        if row["model_version"] == champion.version and row["slice"] == ALL and row[metric] is not None
    ]
    return sorted(mine, key=lambda row: row[DAY])


def _end(day: dt.date) -> dt.datetime:
    return Days(day, day).end


def _drifted(lake: Lake, since: dt.datetime, now: dt.datetime) -> tuple[str, ...]:
    """Features in alarm on the newest day since the promotion whose drift was checked."""
    if not lake.exists(CHECKS):
        return ()
    days = Days(utc_day(since), utc_day(max(now, since)))
    rows = lake.read(CHECKS, days, columns=[DAY, "family", "subject", "passed"]).to_pylist()
    drift = [row for row in rows if row["family"] == "drift"]
    newest = max((row[DAY] for row in drift), default=None)
    return tuple(sorted({row["subject"] for row in drift if row[DAY] == newest and not row["passed"]}))


def _labels_known(lake: Lake, since: dt.datetime | None, before: dt.datetime) -> int:
    """Labels that became known between two instants."""
    if not lake.exists(LABELS):
        return 0
    known = ds.field("label_known_at")
    chosen = known < pa.scalar(before, TIMESTAMP)
    if since is not None:
        chosen &= known >= pa.scalar(since, TIMESTAMP)
    return int(lake.dataset(LABELS).count_rows(filter=chosen))


def _past_decisions(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read(RETRAININGS).to_pylist() if lake.exists(RETRAININGS) else []
    return rows
