"""Where a prediction came from: its model, the partitions its features count, and the topic offsets of these."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.lake import DAY, Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.days import Days
from ai_patterns.core.lineage import counted_sql, groups_read
from ai_patterns.core.predictions import TABLE
from ai_patterns.engines import duckdb
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.served_vectors import read_served
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class CountedPartition:
    """Events of one partition that a prediction rests on.

    Attributes:
        table: such as `events/departed`.
        day: the partition.
        rows: how many of its events are counted.
        offsets: topic partition -> first and last offset of those that landed from the stream's topic.
    """

    table: str
    day: dt.date
    rows: int
    offsets: Mapping[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Lineage:
    """One prediction and what it rests on.

    Attributes:
        prediction_id: its id.
        key: the decision's key.
        decided_at: the instant whose knowledge it used, UTC.
        served_at: when it was made, UTC.
        score: what was answered.
        mode: `online` or `batch`.
        model: `version`, `run_id`, `days`, `evaluation_days` and `lake_versions` of its training; `version` and
            `problem` where the registry is away or has forgotten it.
        groups: feature group -> the partitions that its value counts.
    """

    prediction_id: str
    key: Mapping[str, Any]
    decided_at: dt.datetime
    served_at: dt.datetime
    score: float
    mode: str
    model: Mapping[str, Any]
    groups: Mapping[str, tuple[CountedPartition, ...]]


def explain(system: SystemSpec, lake: Lake, registry: Registry, prediction_id: str) -> Lineage:
    """What one prediction rests on, from recorded facts alone.

    Raises:
        LookupError: there is no such prediction.
        ServiceUnavailableError: the lake cannot be read.
    """
    row = _find(lake, prediction_id)
    day = Days(row[DAY], row[DAY])
    served = read_served(system, lake, day, prediction_id, row["mode"])
    decision = served.rows.slice(0, 1)
    groups = {name: _counted(system, lake, name, decision) for name in groups_read(system)}
    return Lineage(
        prediction_id, {name: row[name] for name in system.decision_stream.key}, row["decided_at"], row["served_at"],
        row["score"], row["mode"], _model(registry, row["model_version"]), groups,
    )  # fmt: skip


def _model(registry: Registry, version: int) -> dict[str, Any]:
    try:
        return registry.facts(version)
    except ServiceUnavailableError as error:
        return {"version": version, "problem": str(error)}


def _find(lake: Lake, prediction_id: str) -> dict[str, Any]:
    chosen = ds.field("prediction_id") == prediction_id
    # The ids alone are searched first: vectors are a hundred times their size.
    found = lake.dataset(TABLE).to_table(columns=[DAY, "prediction_id"], filter=chosen)
    if not found.num_rows:
        raise LookupError(f"{lake.system!r} has no prediction {prediction_id!r}")
    day = ds.field(DAY) == found[DAY][0]
    row: dict[str, Any] = lake.dataset(TABLE).filter(day & chosen).head(1).drop_columns(["features"]).to_pylist()[0]
    return row


def _counted(system: SystemSpec, lake: Lake, name: str, decision: pa.Table) -> tuple[CountedPartition, ...]:
    group = system.groups[name]
    stream, decided = system.streams[group.stream], decision["decided_at"][0].as_py()
    event = ds.field(stream.event_time)
    inside = (event > pa.scalar(decided - group.max_window - 2 * group.hop)) & (event <= pa.scalar(decided))
    for key in group.key:
        inside &= ds.field(key) == decision[key][0]
    columns = dict.fromkeys([DAY, *stream.key, *group.key, stream.event_time, stream.known_time])
    events = lake.dataset(f"events/{group.stream}").to_table(columns=list(columns), filter=inside)
    counted = duckdb.run(counted_sql(group, stream), {"events": events, "decisions": decision})
    offsets = _offsets(lake, group.stream, stream.key, counted) if stream.topic else {}
    days = sorted(pc.value_counts(counted[DAY]).to_pylist(), key=lambda item: item["values"])
    table = f"events/{group.stream}"
    return tuple(
        CountedPartition(table, item["values"], item["counts"], offsets.get(item["values"], {})) for item in days
    )


def _offsets(
    lake: Lake, stream: str, key: tuple[str, ...], counted: pa.Table
) -> dict[dt.date, dict[int, tuple[int, int]]]:
    """By day and topic partition, the first and the last offset of the counted events that landed."""
    if not counted.num_rows or not lake.exists(f"landed/{stream}"):
        return {}
    days = pc.unique(counted[DAY])
    landed = lake.dataset(f"landed/{stream}").to_table(
        columns=[*key, DAY, "topic_partition", "topic_offset"], filter=ds.field(DAY).isin(days)
    )
    sql = f"""
SELECT {DAY}, topic_partition, min(topic_offset) AS first, max(topic_offset) AS last
FROM landed SEMI JOIN counted USING ({", ".join([DAY, *key])}) GROUP BY {DAY}, topic_partition"""
    found: dict[dt.date, dict[int, tuple[int, int]]] = {}
    for row in duckdb.run(sql, {"landed": landed, "counted": counted}).to_pylist():
        found.setdefault(row[DAY], {})[row["topic_partition"]] = (row["first"], row["last"])
    return found
