"""Labels that are sent by prediction id: each lands once, and what cannot land waits in quarantine with its reason."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import DAY, Lake
from ai_patterns.core.labels import UNKNOWN, Decision, LabelVerdict, judge_labels
from ai_patterns.core.predictions import TABLE as PREDICTIONS
from ai_patterns.core.predictions import TIMESTAMP, prediction_schema
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.stream_audit import QUARANTINE_SCHEMA
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
TABLE, QUARANTINE = "landed_labels", "quarantine/labels"
RUN_ID = "labels"
_ATTEMPTS = 50

Row = Mapping[str, Any]


@dataclass(frozen=True)
class LabelSummary:
    """What became of labels that were sent.

    Attributes:
        landed: first labels of their decisions.
        corrected: labels that replace an earlier one, which stays in the history.
        repeated: labels that said nothing new.
        refused: rows in quarantine, each with its place among the rows, `column` and `reason`.
    """

    landed: int
    corrected: int
    repeated: int
    refused: tuple[LabelVerdict, ...]


def land_labels(lake: Lake, system: SystemSpec, rows: Sequence[Row], *, now: dt.datetime | None = None) -> LabelSummary:
    """Land rows of `prediction_id`, `label` and `observed_at` (ISO 8601 with a zone, or a datetime).

    One call is one commit, and the same rows may be sent again. A label is known from the instant on at which it
    landed, whenever it was observed: a model that was trained before cannot have known it. Rows of other writers may
    land meanwhile; the verdicts are then found anew.

    Args:
        lake: the system's lake.
        system: the system.
        rows: as they came; those that are no label are quarantined, and so are labels of unknown predictions.
        now: UTC, the present by default.

    Raises:
        ServiceUnavailableError: other writers came first again and again; send the same rows again.
    """
    instant = now or dt.datetime.now(dt.UTC)
    for _ in range(_ATTEMPTS):
        number = _number(lake)
        decisions = _decisions(lake, system, rows)
        verdicts = judge_labels(
            rows, decisions, task=system.model.task, now=instant, attribution=system.decision.label.attribution
        )
        new = [item for item in verdicts if item.outcome in ("landed", "corrected")]
        table = _table(system, rows, decisions, new, instant)
        if not new or lake.append_fenced(TABLE, table, app=TABLE, number=number + 1):
            return _summary(lake, rows, verdicts, instant)
    raise ServiceUnavailableError(
        f"no commit to {TABLE!r} succeeded; send the labels again", conn_id="ai_patterns_lake"
    )


def readmit_labels(lake: Lake, system: SystemSpec, *, now: dt.datetime | None = None) -> int:
    """Try the quarantined labels of unknown predictions again; return how many could land, now or before."""
    if not lake.exists(QUARANTINE):
        return 0
    waiting = lake.dataset(QUARANTINE).to_table(filter=ds.field("reason") == UNKNOWN).to_pylist()
    known = _decisions(lake, system, [{"prediction_id": row["key"]} for row in waiting])
    found = [row for row in waiting if row["key"] in known]
    if found:
        land_labels(lake, system, [json.loads(row["raw"]) for row in found], now=now)
        keys = ", ".join("'" + row["key"].replace("'", "''") + "'" for row in found)
        lake.open(QUARANTINE).delete(f"reason = '{UNKNOWN}' AND key IN ({keys})")
        log.info("%d labels of predictions that came later have left the quarantine", len(found))
    return len(found)


def read_landed(lake: Lake, system: SystemSpec, before: dt.datetime) -> pa.Table:
    """Labels that landed before an instant (UTC), corrections beside what they correct, as `label_log` has them."""
    if not lake.exists(TABLE):
        return _schema(system).empty_table()
    return lake.dataset(TABLE).to_table(filter=ds.field("label_known_at") < pa.scalar(before, TIMESTAMP))


def _schema(system: SystemSpec) -> pa.Schema:
    key = [prediction_schema(system).field(name) for name in system.decision_stream.key]
    times = [("label_known_at", TIMESTAMP), ("observed_at", TIMESTAMP)]
    return pa.schema([("prediction_id", pa.string()), *key, ("label", pa.float64()), *times])


def _number(lake: Lake) -> int:
    """The newest commit's number; read before the rows, so that a commit between them is noticed."""
    return (lake.open(TABLE).transaction_version(TABLE) or 0) if lake.exists(TABLE) else 0


def _decisions(lake: Lake, system: SystemSpec, rows: Sequence[Row]) -> dict[str, Decision]:
    """The decisions of the rows' predictions, by prediction id, with the labels that they have."""
    ids = {row.get("prediction_id") for row in rows if isinstance(row, Mapping)}
    wanted = pa.array(sorted(name for name in ids if isinstance(name, str)), pa.string())
    if not len(wanted) or not lake.exists(PREDICTIONS):
        return {}
    key = list(system.decision_stream.key)
    columns = ["prediction_id", *key, "decided_at"]
    predictions = lake.dataset(PREDICTIONS).to_table(columns, filter=ds.field("prediction_id").isin(wanted)).to_pylist()
    histories: dict[tuple[Any, ...], dict[dt.datetime, float]] = {_key(row, key): {} for row in predictions}
    if predictions and lake.exists(TABLE):
        # By one column of the key, which prunes; the whole key decides below.
        mine = ds.field(key[0]).isin(list({row[key[0]] for row in predictions}))
        for row in lake.dataset(TABLE).to_table(filter=mine).to_pylist():
            if _key(row, key) in histories:
                histories[_key(row, key)][row["observed_at"]] = row["label"]
    return {
        row["prediction_id"]: Decision(_key(row, key), row["decided_at"], histories[_key(row, key)])
        for row in predictions
    }


def _key(row: Row, key: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in key)


def _table(
    system: SystemSpec,
    rows: Sequence[Row],
    decisions: Mapping[str, Decision],
    new: Sequence[LabelVerdict],
    now: dt.datetime,
) -> pa.Table:
    """The rows that land."""
    key, found = system.decision_stream.key, []
    for item in new:
        name = rows[item.row]["prediction_id"]
        values = dict(zip(key, decisions[name].key, strict=True))
        times = {"label_known_at": now, "observed_at": item.observed_at}
        found.append({"prediction_id": name, **values, "label": item.label, **times})
    return pa.Table.from_pylist(found, _schema(system))


def _summary(lake: Lake, rows: Sequence[Row], verdicts: Sequence[LabelVerdict], now: dt.datetime) -> LabelSummary:
    refused = tuple(item for item in verdicts if item.outcome == "refused")
    _set_apart(lake, rows, refused, now)
    counts = Counter(item.outcome for item in verdicts)
    log.info("labels: %s", dict(counts))
    return LabelSummary(counts["landed"], counts["corrected"], counts["repeated"], refused)


def _set_apart(lake: Lake, rows: Sequence[Row], refused: Sequence[LabelVerdict], now: dt.datetime) -> None:
    """Quarantine rows; one that waits there with the same reason already is not written again."""
    waiting = [_waiting(rows[item.row], item, now) for item in refused]
    apart = {(row["reason"], row["raw"]): row for row in waiting}
    if apart and lake.exists(QUARANTINE):
        keys = ds.field("key").isin([row["key"] for row in apart.values()])
        present = lake.dataset(QUARANTINE).to_table(["reason", "raw"], filter=keys).to_pylist()
        apart = {key: row for key, row in apart.items() if key not in {(old["reason"], old["raw"]) for old in present}}
    if apart:
        lake.append(QUARANTINE, pa.Table.from_pylist(list(apart.values()), QUARANTINE_SCHEMA), [DAY])


def _waiting(row: Row, item: LabelVerdict, now: dt.datetime) -> dict[str, Any]:
    key = str(row.get("prediction_id")) if isinstance(row, Mapping) else ""
    facts = {"key": key, "column": item.column, "reason": item.reason, "raw": _raw(row)}
    return {DAY: now.astimezone(dt.UTC).date(), **facts, "run_id": RUN_ID, "quarantined_at": now}


def _raw(row: Row) -> bytes:
    return json.dumps(row, default=_text, sort_keys=True).encode()


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)
