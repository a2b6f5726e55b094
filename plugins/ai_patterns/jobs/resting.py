"""What rests on a partition: the predictions that count one of its events, and the models trained near it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.clients.mlflow import Registry
from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.core.days import Days
from ai_patterns.core.lineage import groups_read, resting_sql, widest
from ai_patterns.core.predictions import TABLE
from ai_patterns.engines import duckdb
from ai_patterns.jobs.prediction_features import prediction_features
from ai_patterns.jobs.whole_table import query
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

_FACTS = ("prediction_id", "decided_at", "model_version", "mode")
_NONE = pa.table({"prediction_id": pa.array([], pa.string())})


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
    read = {name: system.groups[name] for name in groups_read(system) if system.groups[name].stream == stream}
    counting = [read[name] for name in widest(read)]
    made = _made(system, lake, stream, events, counting)
    found = _decided_on(system, made, events) if stream == system.decision.stream else _NONE
    for keyed in (False, True):
        groups = [group for group in counting if bool(group.key) == keyed]
        rest = duckdb.run("SELECT * FROM made ANTI JOIN found USING (prediction_id)", {"made": made, "found": found})
        if keyed and groups:
            reach = _reach(system.streams[stream], events, groups)
            rest = _with_inputs(system, lake, rest.filter(_within("decided_at", reach)), groups)
        if not rest.num_rows:
            continue
        queries = [resting_sql(group, system.streams[stream]) for group in groups]
        found = pa.concat_tables([found, *(duckdb.run(sql, {"decisions": rest, "events": events}) for sql in queries)])
    sql = f"SELECT {', '.join(_FACTS)} FROM made SEMI JOIN found USING (prediction_id) ORDER BY ALL"
    return Resting(duckdb.run(sql, {"made": made, "found": found}), models)


def _made(system: SystemSpec, lake: Lake, stream: str, events: pa.Table, groups: Sequence[GroupSpec]) -> pa.Table:
    """The predictions that could count one of the events, or were made about one."""
    first, last = _reach(system.streams[stream], events, groups)
    columns = ", ".join([*_FACTS, *system.decision_stream.key])
    sql = f"SELECT {columns} FROM stored WHERE decided_at >= $first AND decided_at <= $last"
    near = f"{DAY} >= '{first.date()}' AND {DAY} <= '{last.date()}'"
    return query(lake, TABLE, sql, parameters={"first": first, "last": last}, files=near)


def _decided_on(system: SystemSpec, made: pa.Table, events: pa.Table) -> pa.Table:
    key = ", ".join(system.decision_stream.key)
    sql = f"SELECT prediction_id FROM made SEMI JOIN events USING ({key})"
    return duckdb.run(sql, {"made": made, "events": events})


def _reach(stream: StreamSpec, events: pa.Table, groups: Sequence[GroupSpec]) -> tuple[dt.datetime, dt.datetime]:
    """When decisions can count one of the events: from the first one known until the last one leaves each window."""
    known, happened = (pc.min_max(events[name]).as_py() for name in (stream.known_time, stream.event_time))
    longest = max((group.max_window + 2 * group.hop for group in groups), default=dt.timedelta(0))
    return known["min"], max(happened["max"], known["max"]) + longest


def _within(column: str, span: tuple[dt.datetime, dt.datetime]) -> ds.Expression:
    return (ds.field(column) >= pa.scalar(span[0])) & (ds.field(column) <= pa.scalar(span[1]))


def _with_inputs(system: SystemSpec, lake: Lake, made: pa.Table, groups: Sequence[GroupSpec]) -> pa.Table:
    """Each prediction with the groups' keys as the decision's stream had them, else as they were logged."""
    stream, key = system.decision_stream, system.decision_stream.key
    inputs = [name for name in dict.fromkeys(each for group in groups for each in group.key) if name not in key]
    if not inputs or not made.num_rows:
        return made
    columns = ", ".join(dict.fromkeys([*key, *inputs, stream.known_time]))
    about = f"SELECT {columns} FROM stored SEMI JOIN made USING ({', '.join(key)})"
    known = query(lake, f"events/{system.decision.stream}", about, {"made": made})
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
    reader = RegistryReader(registry.tracking_uri, registry.model_name)
    for version in reader.versions():
        days = Days.parse(str(reader.facts(version)["days"]))
        if days.first - reach <= day <= days.last:
            found[version] = 0
    if found and lake.exists(TABLE):
        made = query(lake, TABLE, "SELECT model_version, count(*) AS rows FROM stored GROUP BY ALL").to_pylist()
        found |= {row["model_version"]: row["rows"] for row in made if row["model_version"] in found}
    return found
