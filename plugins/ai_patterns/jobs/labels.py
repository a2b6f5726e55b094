"""Labels that come from outside: each lands once, and what cannot land waits in quarantine with its reason."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.core.label_rows import Identity, Key, RefusedError, identity_of
from ai_patterns.core.labels import Decision, LabelVerdict, judge_labels
from ai_patterns.core.prediction_schema import TIMESTAMP, prediction_schema
from ai_patterns.core.predictions import TABLE as PREDICTIONS
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.label_quarantine import read_waiting, release, set_apart
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
TABLE = "landed_labels"
_ATTEMPTS = 50


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


def land_labels(system: SystemSpec, lake: Lake, rows: Sequence[Any], *, now: dt.datetime | None = None) -> LabelSummary:
    """Land labels, one commit a call; the same rows may be sent again.

    A row holds `label`, perhaps `observed_at` (ISO 8601 with a zone, or a datetime; `now` without it), and either
    `prediction_id` or the columns of the decision's key. Of several labels of a decision the one observed last counts,
    the others stay. A label is known from the instant on at which it landed, whenever it was observed: a model that was
    trained before cannot have known it. Rows of other writers may land meanwhile; the verdicts are then found anew.

    Args:
        system: the system.
        lake: its lake.
        rows: as they came; those that are no label are quarantined, and so are labels of unknown predictions.
        now: UTC, the present by default.

    Raises:
        ServiceUnavailableError: other writers came first again and again; send the same rows again.
    """
    instant = now or dt.datetime.now(dt.UTC)
    key, window = _key_types(system), system.decision.label.attribution
    for _ in range(_ATTEMPTS):
        number = _number(lake)
        decisions = _decisions(system, lake, rows)
        verdicts = judge_labels(rows, decisions, key=key, task=system.model.task, now=instant, attribution=window)
        new = [item for item in verdicts if item.outcome in ("landed", "corrected")]
        table = _table(system, [(item, decisions[identity_of(rows[item.row], key)]) for item in new], instant)
        if not new or lake.append_fenced(TABLE, table, app=TABLE, number=number + 1):
            return _summary(system, lake, rows, verdicts, instant)
    raise ServiceUnavailableError(
        f"no commit to {TABLE!r} succeeded; send the labels again", conn_id="ai_patterns_lake"
    )


def readmit_labels(system: SystemSpec, lake: Lake, *, now: dt.datetime | None = None) -> int:
    """Try the labels again that wait for their prediction; return how many could land, now or before."""
    instant = now or dt.datetime.now(dt.UTC)
    rows = read_waiting(lake, instant)
    known = _decisions(system, lake, rows)
    found = [row for row in rows if _identity(system, row) in known]
    if found:
        land_labels(system, lake, found, now=instant)
        release(lake, [identity for row in found if (identity := _identity(system, row)) is not None], instant)
        log.info("%d labels of predictions that came later have left the quarantine", len(found))
    return len(found)


def read_landed(system: SystemSpec, lake: Lake, before: dt.datetime) -> pa.Table:
    """Labels that landed before an instant (UTC), corrections beside what they correct, as `label_log` has them."""
    if not lake.exists(TABLE):
        return _schema(system).empty_table()
    return lake.dataset(TABLE).to_table(filter=ds.field("label_known_at") < pa.scalar(before, TIMESTAMP))


def _schema(system: SystemSpec) -> pa.Schema:
    key = [prediction_schema(system).field(name) for name in system.decision_stream.key]
    times = [("label_known_at", TIMESTAMP), ("observed_at", TIMESTAMP)]
    return pa.schema([*key, ("label", pa.float64()), *times])


def _number(lake: Lake) -> int:
    """The newest commit's number; read before the rows, so that a commit between them is noticed."""
    return (lake.open(TABLE).transaction_version(TABLE) or 0) if lake.exists(TABLE) else 0


def _decisions(system: SystemSpec, lake: Lake, rows: Sequence[Any]) -> dict[Identity, Decision]:
    """The decisions of the rows' predictions, by prediction id and by key, with the labels that they have."""
    wanted = {identity for row in rows if (identity := _identity(system, row)) is not None}
    if not wanted or not lake.exists(PREDICTIONS):
        return {}
    key = list(system.decision_stream.key)
    predictions = [
        row
        for row in lake.dataset(PREDICTIONS)
        .to_table(["prediction_id", *key, "decided_at"], filter=_among(system, wanted))
        .to_pylist()
        if row["prediction_id"] in wanted or _key(row, key) in wanted
    ]
    histories = _histories(lake, key, {_key(row, key) for row in predictions})
    found: dict[Identity, Decision] = {}
    for row in predictions:
        values = _key(row, key)
        decision = Decision(values, row["decided_at"], histories[values])
        found |= {row["prediction_id"]: decision, values: decision}
    return found


def _among(system: SystemSpec, wanted: set[Identity]) -> ds.Expression:
    """A filter that prunes: ids, and one column of the key; the caller looks at the whole key."""
    ids = sorted(item for item in wanted if isinstance(item, str))
    firsts = [item[0] for item in wanted if not isinstance(item, str)]
    first = system.decision_stream.key[0]
    return ds.field("prediction_id").isin(pa.array(ids, pa.string())) | ds.field(first).isin(
        pa.array(list(set(firsts)), prediction_schema(system).field(first).type)
    )


def _histories(
    lake: Lake, key: Sequence[str], decisions: set[tuple[Any, ...]]
) -> dict[tuple[Any, ...], dict[dt.datetime, float]]:
    histories: dict[tuple[Any, ...], dict[dt.datetime, float]] = {values: {} for values in decisions}
    if decisions and lake.exists(TABLE):
        mine = ds.field(key[0]).isin(list({values[0] for values in decisions}))
        for row in lake.dataset(TABLE).to_table(filter=mine).to_pylist():
            if _key(row, key) in histories:
                histories[_key(row, key)][row["observed_at"]] = row["label"]
    return histories


def _key_types(system: SystemSpec) -> Key:
    stream = system.decision_stream
    return {name: stream.columns[name].type for name in stream.key}


def _identity(system: SystemSpec, row: Any) -> Identity | None:
    """Whom a row is for, None where it cannot tell."""
    try:
        return identity_of(row, _key_types(system)) if isinstance(row, Mapping) else None
    except RefusedError:
        return None


def _key(row: Mapping[str, Any], key: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in key)


def _table(system: SystemSpec, new: Sequence[tuple[LabelVerdict, Decision]], now: dt.datetime) -> pa.Table:
    """The rows that land."""
    key = system.decision_stream.key
    rows = [
        {
            **dict(zip(key, decision.key, strict=True)),
            "label": verdict.label,
            "label_known_at": now,
            "observed_at": verdict.observed_at,
        }
        for verdict, decision in new
    ]
    return pa.Table.from_pylist(rows, _schema(system))


def _summary(
    system: SystemSpec, lake: Lake, rows: Sequence[Any], verdicts: Sequence[LabelVerdict], now: dt.datetime
) -> LabelSummary:
    refused = tuple(item for item in verdicts if item.outcome == "refused")
    set_apart(lake, [(rows[item.row], _identity(system, rows[item.row]), item) for item in refused], now)
    counts = Counter(item.outcome for item in verdicts)
    log.info("labels: %s", dict(counts))
    return LabelSummary(counts["landed"], counts["corrected"], counts["repeated"], refused)
