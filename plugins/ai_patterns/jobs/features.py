"""Batch processing: the tiles and the value log of every feature group."""

from __future__ import annotations

import logging

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.clock import to_microseconds
from ai_patterns.core.days import Days
from ai_patterns.core.tiles import tiles_sql
from ai_patterns.core.values import closing, values_sql
from ai_patterns.engines import duckdb
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


def build_features(system: SystemSpec, lake: Lake, days: Days) -> dict[str, int]:
    """Build `tiles/<group>` and `values/<group>` for the partitions of `days`.

    A second run replaces the same partitions by the same rows. The result does not depend on how a period is
    cut into ranges, as long as the days before are there; so more rows than the engine takes at once are built in
    ranges of days, one after the other.

    Returns:
        Rows of the value log by group.

    Raises:
        ServiceUnavailableError: a stream has no published events.
    """
    return {name: _build_group(system, lake, days, name) for name in system.groups}


def _build_group(system: SystemSpec, lake: Lake, days: Days, name: str) -> int:
    rows = 0
    for part in lake.batches(f"events/{system.groups[name].stream}", days):
        tiles, values = build_tiles(system, lake, part, name), build_values(system, lake, part, name)
        log.info("%s: %d tiles, %d values on %s", name, tiles, values, part)
        rows += values
    return rows


def build_tiles(system: SystemSpec, lake: Lake, days: Days, name: str) -> int:
    """Build the partitions of `tiles/<name>`, from the events of the same days alone; return their rows."""
    group = system.groups[name]
    events = lake.dataset(f"events/{group.stream}", days)
    tiles = duckdb.run(tiles_sql(group, system.streams[group.stream]), {"events": events})
    lake.replace_days(f"tiles/{name}", tiles, days)
    return int(tiles.num_rows)


def build_values(system: SystemSpec, lake: Lake, days: Days, name: str) -> int:
    """Build the partitions of `values/<name>`, from tiles as far back as its windows reach; return their rows."""
    values = _value_log(system, lake, days, name)
    lake.replace_days(f"values/{name}", values, days)
    return int(values.num_rows)


def _value_log(system: SystemSpec, lake: Lake, days: Days, name: str) -> pa.Table:
    group = system.groups[name]
    stream = system.streams[group.stream]
    horizon = days.start - group.max_window - group.hop
    oldest, until = to_microseconds(horizon), f" AND {DAY} <= '{days.last}'"
    recent = (ds.field(stream.event_time) > pa.scalar(horizon)) & (ds.field(DAY) <= pa.scalar(days.last))
    tiles = (ds.field("tile_end") > oldest) & (ds.field(DAY) <= pa.scalar(days.last))
    # Each file that the log does not leave out costs a millisecond, and there are more of them every day.
    of_events, of_tiles = f"{stream.event_time} >= '{horizon.isoformat()}'{until}", f"tile_end > {oldest}{until}"
    relations = {
        "events": lake.dataset(f"events/{group.stream}", files=of_events).filter(recent),
        "tiles": lake.dataset(f"tiles/{name}", files=of_tiles).filter(tiles),
    }
    return duckdb.run(value_log_sql(group, stream, days), relations)


def value_log_sql(group: GroupSpec, stream: StreamSpec, days: Days) -> str:
    """SQL over `events` and `tiles` that yields the partitions `days` of the value log."""
    moved = closing(group)
    within = to_microseconds(days.start) + moved, to_microseconds(days.end) + moved
    return f"""
SELECT {", ".join([*group.key, *_dated(group)])}
FROM ({values_sql(group, stream, within)}) AS log
WHERE valid_from >= {within[0]}
ORDER BY {", ".join([*group.key, "valid_from"])}"""


def _dated(group: GroupSpec) -> list[str]:
    day = f"CAST(make_timestamptz(valid_from - {closing(group)}) AS DATE)"
    return ["make_timestamptz(valid_from) AS valid_from", f"{day} AS {DAY}", *group.features]
