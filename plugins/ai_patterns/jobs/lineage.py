"""Where a prediction came from: its model, the partitions its features count, and the topic offsets of these."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.clients.mlflow import Registry
from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.core.lineage import counted_sql, groups_read
from ai_patterns.engines import duckdb
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.served_vectors import Place, read_vector
from ai_patterns.jobs.whole_table import query
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

_FACTS = ("decided_at", "served_at", "score", "mode", "model_version")


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


def explain(system: SystemSpec, lake: Lake, registry: Registry, place: Place) -> Lineage:
    """What one prediction rests on, from recorded facts alone.

    Raises:
        ServiceUnavailableError: the lake cannot be read.
    """
    row = place.read(lake, [*system.decision_stream.key, *_FACTS]).to_pylist()[0]
    served = read_vector(system, lake, place)
    decision = served.rows.slice(0, 1)
    by_stream: dict[str, list[str]] = {}
    for name in groups_read(system):
        by_stream.setdefault(system.groups[name].stream, []).append(name)
    groups: dict[str, tuple[CountedPartition, ...]] = {}
    for stream, names in by_stream.items():
        groups |= _counted(system, lake, stream, names, decision)
    key = {name: row[name] for name in system.decision_stream.key}
    return Lineage(
        place.prediction_id, key, row["decided_at"], row["served_at"], row["score"], row["mode"],
        _model(registry, row["model_version"]), groups,
    )  # fmt: skip


def _model(registry: Registry, version: int) -> dict[str, Any]:
    try:
        return RegistryReader(registry.tracking_uri, registry.model_name).facts(version)
    except ServiceUnavailableError as error:
        return {"version": version, "problem": str(error)}


def _counted(
    system: SystemSpec, lake: Lake, stream: str, groups: Sequence[str], decision: pa.Table
) -> dict[str, tuple[CountedPartition, ...]]:
    """What the groups of one stream count, from one scan of it."""
    spec, specs = system.streams[stream], {name: system.groups[name] for name in groups}
    events = _countable(lake, stream, spec, specs.values(), decision["decided_at"][0].as_py())
    each = [f"SELECT '{name}' AS name, * FROM ({counted_sql(group, spec)})" for name, group in specs.items()]
    counted = duckdb.run(" UNION ALL ".join(each), {"events": events, "decisions": decision})
    sql = f"SELECT name, {DAY}, count(*) AS rows FROM counted GROUP BY ALL ORDER BY ALL"
    days = duckdb.run(sql, {"counted": counted})
    offsets = _offsets(lake, stream, spec.key, counted) if spec.topic else {}
    found: dict[str, tuple[CountedPartition, ...]] = dict.fromkeys(groups, ())
    for row in days.to_pylist():
        place = row["name"], row[DAY]
        found[row["name"]] += (CountedPartition(f"events/{stream}", row[DAY], row["rows"], offsets.get(place, {})),)
    return found


def _countable(
    lake: Lake, stream: str, spec: StreamSpec, groups: Collection[GroupSpec], decided: dt.datetime
) -> pa.Table:
    """The stream's events that could count in any of the groups' windows."""
    oldest = decided - max(group.max_window + 2 * group.hop for group in groups)
    keys = [key for group in groups for key in group.key]
    columns = ", ".join(dict.fromkeys([DAY, *spec.key, *keys, spec.event_time, spec.known_time]))
    sql = f"SELECT {columns} FROM stored WHERE {spec.event_time} > $oldest AND {spec.event_time} <= $decided"
    recent = f"{spec.event_time} >= '{oldest.isoformat()}' AND {DAY} <= '{decided.date()}'"
    return query(lake, f"events/{stream}", sql, parameters={"oldest": oldest, "decided": decided}, files=recent)


def _offsets(
    lake: Lake, stream: str, key: tuple[str, ...], counted: pa.Table
) -> dict[tuple[str, dt.date], dict[int, tuple[int, int]]]:
    """By group, day and topic partition, the first and the last offset of the counted events that landed."""
    if not counted.num_rows or not lake.exists(f"landed/{stream}"):
        return {}
    span = pc.min_max(counted[DAY]).as_py()
    sql = f"""SELECT name, {DAY}, topic_partition, min(topic_offset) AS first, max(topic_offset) AS last
FROM stored JOIN counted USING ({", ".join([DAY, *key])}) GROUP BY ALL"""
    landed_then = f"{DAY} >= '{span['min']}' AND {DAY} <= '{span['max']}'"
    found: dict[tuple[str, dt.date], dict[int, tuple[int, int]]] = {}
    for row in query(lake, f"landed/{stream}", sql, {"counted": counted}, files=landed_then).to_pylist():
        found.setdefault((row["name"], row[DAY]), {})[row["topic_partition"]] = (row["first"], row["last"])
    return found
