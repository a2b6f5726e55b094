"""A group's values at one instant from the lake's events alone: the long way round, to hold others against."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.core.certificate import Values
from ai_patterns.core.clock import to_microseconds
from ai_patterns.core.speed import empty_features
from ai_patterns.core.tiles import tiles_sql
from ai_patterns.core.values import values_sql
from ai_patterns.engines import duckdb
from ai_patterns.jobs.landed_events import landed_events
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
    since = pa.scalar(at - spec.max_window - spec.hop, pa.timestamp("us", tz="UTC"))
    events = landed_events(system, lake, spec.stream, ds.field(stream.event_time) > since, offsets)
    tiles = duckdb.run(tiles_sql(spec, stream), {"events": events})
    found = duckdb.run(
        _newest(spec, stream), {"events": events, "tiles": tiles}, parameters={"at": to_microseconds(at)}
    )
    return by_key(spec, found)


def by_key(group: GroupSpec, rows: pa.Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows of a group as features by key, without the entities whose windows hold nothing."""
    nothing = empty_features(group)
    values = {
        tuple(row[name] for name in group.key): {name: row[name] for name in group.features} for row in rows.to_pylist()
    }
    return {key: features for key, features in values.items() if features != nothing}


def _newest(group: GroupSpec, stream: StreamSpec) -> str:
    partition = f"PARTITION BY {', '.join(group.key)} " if group.key else ""
    return (
        f"SELECT * FROM ({values_sql(group, stream)}) WHERE valid_from <= $at "
        f"QUALIFY row_number() OVER ({partition}ORDER BY valid_from DESC) = 1"
    )
