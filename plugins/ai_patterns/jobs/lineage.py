"""Where a prediction came from: its model, the partitions its features count, and the topic offsets of these."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.lake import DAY, Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.core.days import Days
from ai_patterns.core.lineage import counted_sql, groups_read
from ai_patterns.core.predictions import TABLE
from ai_patterns.engines import duckdb
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.served_vectors import Place, read_vector
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


def explain(system: SystemSpec, lake: Lake, registry: Registry, place: Place) -> Lineage:
    """What one prediction rests on, from recorded facts alone.

    Raises:
        ServiceUnavailableError: the lake cannot be read.
    """
    row = _facts(lake, place)
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


def _facts(lake: Lake, place: Place) -> dict[str, Any]:
    """The prediction without its vector, which is a hundred times the size of the rest."""
    predictions = lake.dataset(TABLE, place.days)
    columns = [name for name in predictions.schema.names if name != "features"]
    row: dict[str, Any] = predictions.to_table(columns=columns, filter=place.chosen).to_pylist()[0]
    return row


def _counted(
    system: SystemSpec, lake: Lake, stream: str, groups: Sequence[str], decision: pa.Table
) -> dict[str, tuple[CountedPartition, ...]]:
    """What the groups of one stream count, from one scan of it."""
    spec, decided = system.streams[stream], decision["decided_at"][0].as_py()
    event, specs = ds.field(spec.event_time), {name: system.groups[name] for name in groups}
    oldest = decided - max(group.max_window + 2 * group.hop for group in specs.values())
    inside = (event > pa.scalar(oldest)) & (event <= pa.scalar(decided))
    keys = [key for group in specs.values() for key in group.key]
    columns = dict.fromkeys([DAY, *spec.key, *keys, spec.event_time, spec.known_time])
    recent = f"{spec.event_time} >= '{oldest.isoformat()}' AND {DAY} <= '{decided.date()}'"
    events = lake.dataset(f"events/{stream}", files=recent).to_table(columns=list(columns), filter=inside)
    each = [f"SELECT '{name}' AS name, * FROM ({counted_sql(group, spec)})" for name, group in specs.items()]
    counted = duckdb.run(" UNION ALL ".join(each), {"events": events, "decisions": decision})
    offsets = _offsets(lake, stream, spec.key, counted) if spec.topic else {}
    found: dict[str, tuple[CountedPartition, ...]] = dict.fromkeys(groups, ())
    days = counted.group_by(["name", DAY]).aggregate([([], "count_all")])
    for row in days.sort_by([("name", "ascending"), (DAY, "ascending")]).to_pylist():
        place = row["name"], row[DAY]
        part = CountedPartition(f"events/{stream}", row[DAY], row["count_all"], offsets.get(place, {}))
        found[row["name"]] += (part,)
    return found


def _offsets(
    lake: Lake, stream: str, key: tuple[str, ...], counted: pa.Table
) -> dict[tuple[str, dt.date], dict[int, tuple[int, int]]]:
    """By group, day and topic partition, the first and the last offset of the counted events that landed."""
    if not counted.num_rows or not lake.exists(f"landed/{stream}"):
        return {}
    days = pc.min_max(counted[DAY]).as_py()
    landed = lake.read(
        f"landed/{stream}", Days(days["min"], days["max"]), [*key, DAY, "topic_partition", "topic_offset"]
    )
    sql = f"""
SELECT name, {DAY}, topic_partition, min(topic_offset) AS first, max(topic_offset) AS last
FROM landed JOIN counted USING ({", ".join([DAY, *key])}) GROUP BY ALL"""
    found: dict[tuple[str, dt.date], dict[int, tuple[int, int]]] = {}
    for row in duckdb.run(sql, {"landed": landed, "counted": counted}).to_pylist():
        found.setdefault((row["name"], row[DAY]), {})[row["topic_partition"]] = (row["first"], row["last"])
    return found
