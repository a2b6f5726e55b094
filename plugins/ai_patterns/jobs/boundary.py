"""The boundary between the batch layer and the speed layer: sealed, built up to, and drawn.

The order carries the promise that each event counts once. Sealing keeps what comes late from then on apart. Then
everything that was folded before the seal lands; the days are published as far as `offsets` and built; and drawing the
boundary swaps the layers at these same offsets in one step.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.core.clock import to_microseconds
from ai_patterns.core.days import Days
from ai_patterns.core.speed import batch_sql
from ai_patterns.core.tile_rows import Boundary, Change
from ai_patterns.engines import duckdb
from ai_patterns.jobs.landed import landed_offsets
from ai_patterns.services.stream_worker.folding import changes_of, identity_sql
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

LandedOffsets = Mapping[str, Mapping[int, int]]
"""By stream and partition, the offset before which messages landed."""


def landed_now(system: SystemSpec, lake: Lake) -> dict[str, dict[int, int]]:
    """How far each topic has landed, by stream."""
    return {name: landed_offsets(system, lake, name) for name, stream in system.streams.items() if stream.topic}


def days_to_build(system: SystemSpec, lake: Lake, store: TileStore, at: dt.datetime, offsets: LandedOffsets) -> Days:
    """From the first day that is not in the batch layer as it should be, to the last one before the boundary.

    A late event puts its day back to be built: one that landed since the boundary was drawn last.
    """
    held = store.boundary()
    last = (at - dt.timedelta(days=1)).date()
    days = [last if held is None else min(held.at.date(), last)]
    for name, ends in offsets.items():
        drawn = dict(held.offsets.get(str(system.streams[name].topic), {})) if held else {}
        days += _landed_days(lake, name, drawn, ends, at)
    return Days(min(days), last)


def advance(system: SystemSpec, lake: Lake, store: TileStore, at: dt.datetime, offsets: LandedOffsets) -> Boundary:
    """Load the batch layer's tiles as of `at` and draw the boundary there.

    Args:
        system: the system's spec.
        lake: its lake; the days before `at` are published as far as `offsets`, and their tiles are built.
        store: the online tiles, sealed at `at`.
        at: a midnight, UTC.
        offsets: how far the topics had landed when the days were published.

    Raises:
        ServiceUnavailableError: a group's tiles were never built, or the store is away.
        ServiceRejectedError: the boundary does not fit what the store holds; the message tells why.
    """
    groups = [name for name, group in system.groups.items() if group.layer == "stream"]
    rows = {name: batch_rows(system, lake, name, at) for name in groups}
    topics = {str(system.streams[name].topic): ends for name, ends in offsets.items()}
    streams = {system.groups[name].stream for name in groups if system.streams[system.groups[name].stream].topic}
    ids = {name: _identities(system, lake, name, at) for name in sorted(streams)}
    drawn = store.advance(Boundary(at, topics), rows, ids)
    log.info("The boundary is at %s; the batch layer holds %s tile rows.", at, {name: len(rows[name]) for name in rows})
    return drawn


def batch_rows(system: SystemSpec, lake: Lake, name: str, at: dt.datetime) -> list[Change]:
    """The tile rows of a group that hold what became known before `at` and may still count then."""
    group = system.groups[name]
    stream = system.streams[group.stream]
    horizon = to_microseconds(at - group.max_window - group.hop)
    before = ds.field(DAY) < pa.scalar(at.date())
    recent = before & (ds.field(stream.event_time) > pa.scalar(at - group.hop, pa.timestamp("us", tz="UTC")))
    relations = {
        "events": lake.dataset(f"events/{group.stream}").to_table(filter=recent),
        "tiles": lake.dataset(f"tiles/{name}").to_table(filter=before & (ds.field("tile_end") > horizon)),
    }
    return changes_of(group, duckdb.run(batch_sql(group, stream), relations, parameters={"at": to_microseconds(at)}))


def _identities(system: SystemSpec, lake: Lake, stream: str, at: dt.datetime) -> dict[dt.date, list[str]]:
    """The batch layer's events that may still be sent again, by day."""
    spec = system.streams[stream]
    since = (at - spec.lateness).date()
    recent = (ds.field(DAY) >= pa.scalar(since)) & (ds.field(DAY) < pa.scalar(at.date()))
    events = lake.dataset(f"events/{stream}").to_table(columns=[*spec.key, DAY], filter=recent)
    named = duckdb.run(
        f"SELECT {DAY}, list({identity_sql(spec, DAY)}) AS ids FROM events GROUP BY {DAY}", {"events": events}
    )
    return {row[DAY]: row["ids"] for row in named.to_pylist()}


def _landed_days(
    lake: Lake, stream: str, since: Mapping[int, int], ends: Mapping[int, int], at: dt.datetime
) -> list[dt.date]:
    if not lake.exists(f"landed/{stream}"):
        return []
    place = ds.field("topic_partition"), ds.field("topic_offset")
    new = [(place[0] == part) & (place[1] >= since.get(part, 0)) & (place[1] < end) for part, end in ends.items()]
    found: set[dt.date] = set()
    for wanted in new:
        rows = lake.dataset(f"landed/{stream}").to_table(
            columns=[DAY], filter=wanted & (ds.field(DAY) < pa.scalar(at.date()))
        )
        found |= set(pc.unique(rows[DAY]).to_pylist())
    return sorted(found)
