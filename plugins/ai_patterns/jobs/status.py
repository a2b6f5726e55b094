"""State and last figures of each pattern of a system, read from the lake in a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Any

import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.core.days import Days
from ai_patterns.core.performance import ALL
from ai_patterns.jobs.champion import read_champion
from ai_patterns.jobs.landed import landed_streams
from ai_patterns.jobs.layers import LandedTopic, read_landed, read_layers
from ai_patterns.jobs.quality_view import newest_verdicts
from ai_patterns.jobs.table_facts import TableFacts, table_facts
from ai_patterns.spec.system import SystemSpec

READY, NOT_YET, ATTENTION = "ready", "not yet", "attention"
"""States of a pattern: its tables hold rows; nothing ran yet; its last verdict wants a look."""


def system_status(system: SystemSpec, lake: Lake) -> dict[str, dict[str, Any]]:
    """State and figures by pattern; an absent table reads "not yet" and never raises.

    Stream processing and lambda architecture are those of systems with topics alone.

    Returns:
        Pattern -> `state`, `summary` (one sentence) and the pattern's own figures, all plain values: days and
        instants are `datetime` objects in UTC.
    """
    readers: dict[str, Callable[[], dict[str, Any]]] = {
        "data_pipeline": partial(_data_pipeline, system, lake),
        "batch_processing": partial(_tables, lake, [f"tiles/{name}" for name in system.groups], "tiles"),
        "feature_store": partial(_tables, lake, [f"values/{name}" for name in system.groups], "value changes"),
        "online_offline_serving": partial(_offline, lake),
        "model_as_a_service": partial(_serving, lake),
        "feedback_loop": partial(_feedback, system, lake),
        "monitoring": partial(_monitoring, lake),
    }
    with ThreadPoolExecutor(max_workers=2) as beside:
        streaming = beside.submit(_streaming, system, lake) if landed_streams(system) else None
        read = {name: beside.submit(reader) for name, reader in readers.items()}
        found = streaming.result() if streaming else {}
        return found | {name: entry.result() for name, entry in read.items()}


def _entry(state: str, summary: str, **figures: Any) -> dict[str, Any]:
    return {"state": state, "summary": summary, **figures}


def _data_pipeline(system: SystemSpec, lake: Lake) -> dict[str, Any]:
    facts = {name: table_facts(lake, f"events/{name}") for name in system.streams}
    streams = {name: asdict(fact) for name, fact in facts.items() if fact}
    quarantined = {name: _reasons(lake, f"quarantine/{name}") for name in system.streams}
    lost = sum(sum(reasons.values()) for reasons in quarantined.values())
    rows = sum(fact.rows for fact in facts.values() if fact)
    return _entry(
        READY if streams else NOT_YET,
        f"{rows:,} rows in {len(streams)} streams, {lost:,} in quarantine" if streams else NOT_YET,
        rows={name: fact.rows if fact else 0 for name, fact in facts.items()},
        streams=streams,
        quarantined={name: reasons for name, reasons in quarantined.items() if reasons},
        last_day=_latest_day(facts.values()),
    )


def _streaming(system: SystemSpec, lake: Lake) -> dict[str, dict[str, Any]]:
    landed = read_landed(system, lake)
    rows = sum(item.rows for item in landed)
    summary = f"{rows:,} rows landed of {len(landed)} topics" if landed else NOT_YET
    stream = _entry(READY if landed else NOT_YET, summary, landed=[asdict(item) for item in landed])
    return {"stream_processing": stream, "lambda_architecture": _layers(lake, landed)}


def _layers(lake: Lake, landed: list[LandedTopic]) -> dict[str, Any]:
    layers = read_layers(lake, landed)
    if layers is None:
        return _entry(NOT_YET, NOT_YET, layers=None)
    unequal = sum(group.unequal for group in layers.groups)
    buckets, keys = (sum(getattr(group, name) for group in layers.groups) for name in ("buckets", "keys"))
    told = f"{unequal} of {buckets} buckets differ" if unequal else f"{buckets} buckets with {keys:,} keys are equal"
    late = f", {layers.stale_days} days wait for the batch layer" if layers.stale_days > 1 else ""
    state = READY if layers.equal and layers.stale_days <= 1 else ATTENTION
    return _entry(state, f"{told} at {layers.at:%Y-%m-%d %H:%M}{late}", layers=asdict(layers))


def _tables(lake: Lake, names: list[str], noun: str) -> dict[str, Any]:
    facts = {name: table_facts(lake, name) for name in names}
    present = {name: fact for name, fact in facts.items() if fact}
    rows = sum(fact.rows for fact in present.values())
    last = _latest_day(present.values())
    summary = f"{rows:,} {noun} in {len(present)} of {len(names)} groups, up to {last}" if present else NOT_YET
    written = max((fact.written_at for fact in present.values() if fact.written_at), default=None)
    tables = {name: asdict(fact) for name, fact in present.items()}
    return _entry(READY if present else NOT_YET, summary, tables=tables, last_day=last, written_at=written)


def _offline(lake: Lake) -> dict[str, Any]:
    training, champion = table_facts(lake, "training_sets"), read_champion(lake)
    ledger = [{**asdict(line), "evidence": None} for line in read_promotions(lake)]
    serves = (
        f"version {champion.version} is the champion since {champion.since:%Y-%m-%d}" if champion else "no champion"
    )
    return _entry(
        READY if champion else NOT_YET,
        f"{training.rows:,} training rows, {serves}" if training else NOT_YET,
        training_rows=training.rows if training else 0,
        champion=asdict(champion) if champion else None,
        promotions=ledger,
        refused=sum(line["action"] == "refused" for line in ledger),
    )


def _serving(lake: Lake) -> dict[str, Any]:
    facts = table_facts(lake, "predictions")
    if not facts or not facts.last_day:
        return _entry(NOT_YET, NOT_YET, predictions=0, last_day=None, last_count=0, by_mode={})
    last = lake.read("predictions", Days(facts.last_day, facts.last_day), ["mode", "model_version"])
    modes = dict(Counter(last["mode"].to_pylist()))
    summary = f"{facts.rows:,} predictions, {len(last):,} on {facts.last_day}"
    versions = sorted(set(last["model_version"].to_pylist()))
    return _entry(
        READY, summary, predictions=facts.rows, last_day=facts.last_day, last_count=len(last), by_mode=modes,
        versions=versions,
    )  # fmt: skip


def _feedback(system: SystemSpec, lake: Lake) -> dict[str, Any]:
    labels, decisions = table_facts(lake, "labels"), _rows(lake, "retrainings", ["decided_at", "retrain", "reason"])
    last = max(decisions, key=lambda row: row["decided_at"], default=None)
    weeks = read_weeks(lake)
    known = f"{labels.rows:,} labels" if labels else NOT_YET
    return _entry(
        READY if labels else NOT_YET,
        f"{known}. {last['reason']}" if last else known,
        labels=labels.rows if labels else 0,
        metric=system.feedback.metric,
        performance=weeks,
        last_decision=last,
        retrainings=sum(row["retrain"] for row in decisions),
    )


def read_weeks(lake: Lake) -> list[dict[str, Any]]:
    """Performance of all models together, week by week."""
    weeks = [row for row in _rows(lake, "performance") if row["slice"] == ALL and row["model_version"] is None]
    return sorted(weeks, key=lambda row: row["day"])


def _monitoring(lake: Lake) -> dict[str, Any]:
    facts = table_facts(lake, "checks")
    if not facts or not facts.last_day:
        return _entry(NOT_YET, NOT_YET, last_day=None, verdicts=0, by_family={}, failures=[])
    rows = newest_verdicts(lake)
    failures = [row for row in rows if not row["passed"]]
    families = {row["family"]: {"day": row["day"], "verdicts": 0, "failures": 0} for row in rows}
    for row in rows:
        families[row["family"]]["verdicts"] += 1
        families[row["family"]]["failures"] += not row["passed"]
    summary = f"{len(rows)} verdicts up to {facts.last_day}, {len(failures)} alarms"
    state = ATTENTION if failures else READY
    return _entry(state, summary, last_day=facts.last_day, verdicts=len(rows), by_family=families, failures=failures)


def _reasons(lake: Lake, table: str) -> dict[str, int]:
    return dict(Counter(str(row["reason"]) for row in _rows(lake, table, ["reason"])))


def _rows(lake: Lake, table: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    if table_facts(lake, table) is None:
        return []
    dataset: ds.Dataset = lake.dataset(table)
    found: list[dict[str, Any]] = dataset.to_table(columns=columns).to_pylist()
    return found


def _latest_day(facts: Iterable[TableFacts | None]) -> Any:
    return max((fact.last_day for fact in facts if fact and fact.last_day), default=None)
