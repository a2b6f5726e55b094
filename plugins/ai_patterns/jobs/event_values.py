"""A group's values at one instant from the lake's events alone: the long way round, to hold others against."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import DAY, Lake
from ai_patterns.core.certificate import Values
from ai_patterns.core.tiles import microseconds, tiles_sql
from ai_patterns.core.values import values_sql
from ai_patterns.engines import duckdb
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

Offsets = Mapping[int, int]
"""Next offset of each partition of a topic."""


def recompute(system: SystemSpec, lake: Lake, group: str, at: dt.datetime, offsets: Offsets) -> Values:
    """The features of every entity of a group at an instant, from events alone.

    Args:
        system: the system's spec.
        lake: its lake.
        group: the group.
        at: the instant, UTC.
        offsets: messages of the stream's topic at or past these do not exist yet.

    Returns:
        Features by key; an entity whose windows hold nothing is left out.
    """
    spec = system.groups[group]
    stream = system.streams[spec.stream]
    events = read_events(system, lake, spec.stream, at - spec.max_window - spec.hop, offsets)
    tiles = duckdb.run(tiles_sql(spec, stream), {"events": events})
    found = duckdb.run(_newest(spec, stream), {"events": events, "tiles": tiles}, parameters={"at": _us(at)})
    return by_key(spec, found)


def read_events(system: SystemSpec, lake: Lake, stream: str, since: dt.datetime, offsets: Offsets) -> pa.Table:
    """Published events and landed ones that are not published yet, each once, that happened after `since`."""
    spec = system.streams[stream]
    columns = [*spec.columns, DAY]
    recent = ds.field(spec.event_time) > pa.scalar(since, pa.timestamp("us", tz="UTC"))
    relations = {
        "published": _table(lake, f"events/{stream}", recent, columns),
        "landed": _table(lake, f"landed/{stream}", recent, [*columns, "topic_partition", "topic_offset"]),
        "ends": pa.table(
            {"topic_partition": pa.array(offsets, pa.int32()), "ends": pa.array(offsets.values(), pa.int64())}
        ),
    }
    key, names = ", ".join(spec.key), ", ".join(columns)
    found = [f"SELECT {names} FROM published"] if relations["published"] is not None else []
    if relations["landed"] is not None:
        unpublished = f"WHERE ({key}) NOT IN (SELECT ({key}) FROM published) " if found else ""
        found.append(
            f"SELECT {names} FROM (SELECT landed.* FROM landed JOIN ends USING (topic_partition) "
            f"WHERE topic_offset < ends QUALIFY row_number() OVER "
            f"(PARTITION BY {key} ORDER BY topic_partition, topic_offset) = 1) {unpublished}"
        )
    sql = " UNION ALL ".join(found)
    return duckdb.run(sql, {name: table for name, table in relations.items() if table is not None})


def by_key(group: GroupSpec, rows: pa.Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows of a group as features by key, without the entities whose windows hold nothing."""
    nothing = {name: empty_value(group, name) for name in group.features}
    values = {
        tuple(row[name] for name in group.key): {name: row[name] for name in group.features} for row in rows.to_pylist()
    }
    return {key: features for key, features in values.items() if features != nothing}


def empty_value(group: GroupSpec, feature: str) -> float | None:
    """What a feature is where its window holds no event: 0 for counts and sums, else nothing."""
    function = group.aggregations[feature.rpartition("_")[0]].function
    return 0.0 if function in ("count", "sum") else None


def _newest(group: GroupSpec, stream: StreamSpec) -> str:
    partition = f"PARTITION BY {', '.join(group.key)} " if group.key else ""
    return (
        f"SELECT * FROM ({values_sql(group, stream)}) WHERE valid_from <= $at "
        f"QUALIFY row_number() OVER ({partition}ORDER BY valid_from DESC) = 1"
    )


def _table(lake: Lake, name: str, recent: ds.Expression, columns: list[str]) -> pa.Table | None:
    return lake.dataset(name).to_table(columns=columns, filter=recent) if lake.exists(name) else None


def _us(instant: dt.datetime) -> int:
    return microseconds(instant - dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
