"""What rests on a partition: the predictions that count one of its events, and the models trained near it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.lake import DAY, Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.days import Days
from ai_patterns.core.lineage import groups_read, resting_sql
from ai_patterns.core.predictions import TABLE
from ai_patterns.engines import duckdb
from ai_patterns.jobs.prediction_features import prediction_features
from ai_patterns.spec.system import SystemSpec

_FACTS = ("prediction_id", "decided_at", "model_version", "mode")


@dataclass(frozen=True)
class Resting:
    """What rests on one partition of events.

    Attributes:
        predictions: `prediction_id`, `decided_at`, `model_version` and `mode` of each prediction whose features, or
            whose inputs, come from one of its events.
        models: versions whose training rows or labels may come from it -> number of their predictions.
    """

    predictions: pa.Table
    models: Mapping[int, int]


def resting_on(system: SystemSpec, lake: Lake, registry: Registry, stream: str, day: dt.date) -> Resting:
    """Which predictions and models rest on the events of `stream` that became known on `day`.

    Raises:
        LookupError: the system has no such stream, or the stream no such partition.
        ServiceUnavailableError: the lake or the registry cannot be read.
    """
    if stream not in system.streams:
        raise LookupError(f"{system.name!r} has no stream {stream!r}; it has {', '.join(system.streams)}")
    events = lake.read(f"events/{stream}", Days(day, day))
    if not events.num_rows:
        raise LookupError(f"{system.name!r} has no events of {stream!r} on {day}")
    models = _trained_on(system, lake, registry, stream, day)
    if not lake.exists(TABLE):
        return Resting(pa.table({name: pa.array([], pa.string()) for name in _FACTS}), models)
    decisions = _decisions(system, lake, stream, events)
    ids = [
        duckdb.run(resting_sql(group, system.streams[stream]), {"decisions": decisions, "events": events})
        for group in (system.groups[name] for name in groups_read(system))
        if group.stream == stream
    ]
    if stream == system.decision.stream:
        key = ", ".join(system.decision_stream.key)
        sql = f"SELECT prediction_id FROM decisions SEMI JOIN events USING ({key})"
        ids.append(duckdb.run(sql, {"decisions": decisions, "events": events}))
    none = pa.table({"prediction_id": pa.array([], pa.string())})
    found = duckdb.run(
        f"SELECT {', '.join(_FACTS)} FROM decisions SEMI JOIN ids USING (prediction_id) ORDER BY ALL",
        {"decisions": decisions, "ids": pa.concat_tables([none, *ids])},
    )
    return Resting(found, models)


def _decisions(system: SystemSpec, lake: Lake, stream: str, events: pa.Table) -> pa.Table:
    """The predictions that could count one of the events, with their decision's inputs."""
    spec, key = system.streams[stream], system.decision_stream.key
    reach = max(
        (group.max_window + 2 * group.hop for group in system.groups.values() if group.stream == stream),
        default=dt.timedelta(0),
    )
    known, happened = pc.min(events[spec.known_time]).as_py(), pc.max(events[spec.event_time]).as_py()
    last = max(happened, pc.max(events[spec.known_time]).as_py()) + reach
    near = (ds.field("decided_at") >= pa.scalar(known)) & (ds.field("decided_at") <= pa.scalar(last))
    near &= (ds.field(DAY) >= pa.scalar(known.date())) & (ds.field(DAY) <= pa.scalar(last.date()))
    made = lake.dataset(TABLE).to_table(columns=[*_FACTS, *key], filter=near)
    return _with_inputs(system, lake, made)


def _with_inputs(system: SystemSpec, lake: Lake, made: pa.Table) -> pa.Table:
    """Each prediction with its inputs as the decision's stream had them; as they were logged where it had none."""
    stream, key = system.decision_stream, system.decision_stream.key
    inputs = [name for name in system.decision.inputs if name not in key]
    columns = list(dict.fromkeys([*key, *inputs, stream.known_time]))
    known = lake.dataset(f"events/{system.decision.stream}").to_table(columns=columns)
    on = " AND ".join([*(f"m.{name} = k.{name}" for name in key), f"m.decided_at >= k.{stream.known_time}"])
    chosen = ", ".join(["m.*", *(f"k.{name}" for name in inputs)])
    found = duckdb.run(f"SELECT {chosen} FROM made m ASOF JOIN known k ON {on}", {"made": made, "known": known})
    lost = duckdb.run("SELECT * FROM made ANTI JOIN found USING (prediction_id)", {"made": made, "found": found})
    if not lost.num_rows:
        return found
    span = pc.min_max(lost["decided_at"]).as_py()
    logged = prediction_features(system, lake, Days(span["min"].date(), span["max"].date()), inputs)
    sql = f"SELECT {', '.join([*_FACTS, *key, *inputs])} FROM logged SEMI JOIN lost USING (prediction_id)"
    rest = duckdb.run(sql, {"logged": logged, "lost": lost})
    return pa.concat_tables([found.select(rest.column_names), rest], promote_options="permissive")


def _trained_on(system: SystemSpec, lake: Lake, registry: Registry, stream: str, day: dt.date) -> dict[int, int]:
    """Versions whose training days the partition can reach, and how many predictions each made."""
    windows = [group.max_window + group.hop for group in system.groups.values() if group.stream == stream]
    reach = max(windows, default=dt.timedelta(0)) + dt.timedelta(days=1)
    found: dict[int, int] = {}
    for version in registry.versions():
        days = Days.parse(str(registry.facts(version)["days"]))
        if days.first - reach <= day <= days.last:
            found[version] = 0
    if found and lake.exists(TABLE):
        made = lake.read(TABLE, columns=["model_version"])["model_version"]
        found |= {row["values"]: row["counts"] for row in pc.value_counts(made).to_pylist() if row["values"] in found}
    return found
