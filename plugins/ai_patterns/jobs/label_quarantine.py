"""Where labels wait that could not land, each with its reason."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import utc_day
from ai_patterns.core.label_rows import Identity, identity_text
from ai_patterns.core.labels import UNKNOWN, LabelVerdict
from ai_patterns.core.prediction_schema import TIMESTAMP
from ai_patterns.jobs.stream_audit import QUARANTINE_SCHEMA

TABLE, RUN_ID = "quarantine/labels", "labels"


def set_apart(lake: Lake, refused: Sequence[tuple[Any, Identity | None, LabelVerdict]], now: dt.datetime) -> None:
    """Quarantine rows; one that waits there with the same reason already is not written again.

    Args:
        lake: the system's lake.
        refused: each row, whom it is for where it tells, and its verdict.
        now: UTC.
    """
    waiting = [_waiting(*item, now) for item in refused]
    apart = {(row["reason"], row["raw"]): row for row in waiting}
    if apart and lake.exists(TABLE):
        keys = ds.field("key").isin([row["key"] for row in apart.values()])
        present = lake.dataset(TABLE).to_table(["reason", "raw"], filter=keys).to_pylist()
        apart = {key: row for key, row in apart.items() if key not in {(old["reason"], old["raw"]) for old in present}}
    if apart:
        lake.append(TABLE, pa.Table.from_pylist(list(apart.values()), QUARANTINE_SCHEMA), [DAY])


def read_waiting(lake: Lake, until: dt.datetime) -> list[Any]:
    """The rows that had come until an instant and wait for their prediction: a past run must not see later ones."""
    if not lake.exists(TABLE):
        return []
    chosen = (ds.field("reason") == UNKNOWN) & (ds.field("quarantined_at") <= pa.scalar(until, TIMESTAMP))
    return [json.loads(row) for row in lake.dataset(TABLE).to_table(["raw"], filter=chosen)["raw"].to_pylist()]


def release(lake: Lake, identities: Sequence[Identity], until: dt.datetime) -> None:
    """Remove what waited for its prediction, of some identities."""
    keys = ", ".join("'" + identity_text(identity).replace("'", "''") + "'" for identity in identities)
    instant = f"arrow_cast('{until.astimezone(dt.UTC).isoformat()}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
    lake.open(TABLE).delete(f"reason = '{UNKNOWN}' AND quarantined_at <= {instant} AND key IN ({keys})")


def _waiting(row: Any, identity: Identity | None, verdict: LabelVerdict, now: dt.datetime) -> dict[str, Any]:
    key = "" if identity is None else identity_text(identity)
    facts = {"key": key, "column": verdict.column, "reason": verdict.reason, "raw": _raw(row)}
    return {DAY: utc_day(now), **facts, "run_id": RUN_ID, "quarantined_at": now}


def _raw(row: Any) -> bytes:
    return json.dumps(row, default=_text, sort_keys=True).encode()


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)
