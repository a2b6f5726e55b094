"""A speed layer over random events: what the tests of folding, stores and crashes share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_transaction import Claim, Span
from ai_patterns.core.speed import batch_sql
from ai_patterns.core.tile_rows import Boundary, Change
from ai_patterns.core.tiles import tiles_sql
from ai_patterns.engines import duckdb
from ai_patterns.services.stream_worker.folding import Folder, changes_of
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec
from event_streams import MINUTE, SCHEMA, START, STREAM, events, system_with

TOPIC = "happenings"
AGGREGATIONS = {
    "n": "count over 1h, 2d",
    "total": "sum(value) scale 100 over 3h",
    "average": "mean(value) scale 100 over 1h, 2d",
    "share": "rate(flag) over 3h",
    "lowest": "min(level) over 3h",
    "highest": "max(level) over 2d",
    "newest": "last(value) over 3h",
    "newest_at": "last(happened) over 1h",
}


def streaming_system(key: Sequence[str] = ("key",), lateness: str = "9d"):
    """A system whose events come from a topic, with one group of the stream layer."""
    group = {"stream": "events", "key": list(key), "layer": "stream", "hop": "1h", "aggregations": AGGREGATIONS}
    declared = STREAM.model_dump(exclude_unset=True)
    columns = {**declared["columns"], "level": "double?"}
    stream = StreamSpec.model_validate({**declared, "columns": columns, "topic": TOPIC, "lateness": lateness})
    return system_with(GroupSpec.model_validate(group), stream)


# The night in which clocks go forward, that in which they go back, and one before 1970.
NIGHTS = (START, START + dt.timedelta(days=210), dt.datetime(1969, 12, 30, tzinfo=dt.UTC))
# In hundredths: 25 of the largest add up to less than 2^63.
VALUES = st.one_of(st.none(), st.integers(-10_000, 10_000), st.integers(-(2**58), 2**58)).map(
    lambda cents: None if cents is None else cents / 100
)
LEVELS = st.sampled_from([None, 0.0, -0.0, -1.5, 1e300, -1e300, 5e-324])


@st.composite
def arrivals(draw, start: dt.datetime = START):
    """Random events in order of arrival: mostly as they became known, some late, some twice."""
    rows = draw(events())
    for row in rows:
        row.update(value=draw(VALUES), level=draw(LEVELS))
        row.update({name: row[name] - START + start for name in ("happened", "known")})
    delays = [draw(st.sampled_from([0, 0, 0, 0, 300, 1500, 3000])) * MINUTE for _ in rows]
    ordered = sorted(zip(delays, rows, strict=True), key=lambda each: each[1]["known"] + each[0])
    late = [row for _, row in ordered]
    return late + draw(st.lists(st.sampled_from(late), max_size=5))


def messages(rows: Sequence[dict[str, Any]], partitions: int = 2) -> pa.Table:
    """Rows as they are decoded, in order of arrival, each event always in the same partition."""
    ends = [0] * partitions
    placed = []
    for row in rows:
        partition = int(row["id"].lstrip("e")) % partitions
        placed.append({**row, "topic_partition": partition, "topic_offset": ends[partition]})
        ends[partition] += 1
    places = [("topic_partition", pa.int32()), ("topic_offset", pa.int64())]
    return pa.Table.from_pylist(placed, pa.schema([*SCHEMA, ("level", pa.float64()), *places])).drop_columns("day")


def identity(row: dict[str, Any]) -> str:
    """What the stores know an event by."""
    return f"{row['known'].astimezone(dt.UTC).date()}/{row['id']}"


def spans(rows: pa.Table, claims: dict[int, Claim]) -> list[Span]:
    """Where a slice of messages stood."""
    found = []
    for partition, claim in claims.items():
        offsets = [row["topic_offset"] for row in rows.to_pylist() if row["topic_partition"] == partition]
        if offsets:
            found.append(Span(claim, offsets[0], offsets[-1] + 1))
    return found


def fold(store: TileStore, folder: Folder, rows: pa.Table, claims: dict[int, Claim]) -> None:
    """Fold a slice of messages, as the worker does."""
    batch = folder.prepare(rows)
    store.update("events", spans(rows, claims), batch.ids, lambda context: folder.fold(batch, context))


def draw_boundary(store: TileStore, rows: pa.Table, at: dt.datetime, landed: int) -> None:
    """Seal, build the batch layer of the first `landed` messages, and advance."""
    store.seal(at)
    store.advance(*batch_layer(store.system, rows.slice(0, landed), at))


def batch_layer(
    system: SystemSpec, landed: pa.Table, at: dt.datetime
) -> tuple[Boundary, dict[str, list[Change]], dict[str, dict[dt.date, list[str]]]]:
    """The batch layer of landed messages: what `TileStore.advance` takes."""
    offsets: dict[int, int] = {}
    for row in landed.to_pylist():
        offsets[row["topic_partition"]] = row["topic_offset"] + 1
    spec, group = system.streams["events"], system.groups["activity"]
    known = "SELECT *, CAST(known AS DATE) AS day FROM messages WHERE epoch_us(known) < $at"
    distinct = f"{known} QUALIFY row_number() OVER (PARTITION BY day, id ORDER BY topic_offset) = 1"
    instant = {"at": int(at.timestamp()) * 1_000_000}
    events = duckdb.run(distinct, {"messages": landed}, parameters=instant)
    tiles = duckdb.run(tiles_sql(group, spec), {"events": events})
    loaded = duckdb.run(batch_sql(group, spec), {"events": events, "tiles": tiles}, parameters=instant)
    ids: dict[dt.date, list[str]] = {}
    for row in events.to_pylist():
        ids.setdefault(row["day"], []).append(identity(row))
    return Boundary(at, {TOPIC: offsets}), {"activity": changes_of(group, loaded)}, {"events": ids}
