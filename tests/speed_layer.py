"""A speed layer over random events: what the tests of folding, stores and crashes share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ai_patterns.clients.tile_store import Claim, Span, TileStore
from ai_patterns.core.speed import batch_sql
from ai_patterns.core.tile_rows import Boundary
from ai_patterns.core.tiles import tiles_sql
from ai_patterns.engines import duckdb
from ai_patterns.services.stream_worker.folding import Folder, changes_of
from event_streams import SCHEMA, STREAM, system_with

TOPIC = "happenings"
AGGREGATIONS = {
    "n": "count over 1h, 2d",
    "total": "sum(value) scale 100 over 3h",
    "average": "mean(value) scale 100 over 1h, 2d",
    "share": "rate(flag) over 3h",
    "lowest": "min(value) over 3h",
    "highest": "max(value) over 2d",
    "newest": "last(value) over 3h",
    "newest_at": "last(happened) over 1h",
}


def streaming_system(key: Sequence[str] = ("key",), lateness: str = "9d"):
    """A system whose events come from a topic, with one group of the stream layer."""
    group = {"stream": "events", "key": list(key), "layer": "stream", "hop": "1h", "aggregations": AGGREGATIONS}
    plain = system_with(group)
    stream = STREAM.model_validate({**STREAM.model_dump(exclude_unset=True), "topic": TOPIC, "lateness": lateness})
    return plain.model_copy(update={"streams": {"events": stream}})


def messages(rows: Sequence[dict[str, Any]], partitions: int = 2) -> pa.Table:
    """Rows as they are decoded, in order of arrival, each event always in the same partition."""
    ends = [0] * partitions
    placed = []
    for row in rows:
        partition = int(row["id"].lstrip("e")) % partitions
        placed.append({**row, "topic_partition": partition, "topic_offset": ends[partition]})
        ends[partition] += 1
    places = [("topic_partition", pa.int32()), ("topic_offset", pa.int64())]
    return pa.Table.from_pylist(placed, pa.schema([*SCHEMA, *places])).drop_columns("day")


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
    here = rows.slice(0, landed)
    offsets: dict[int, int] = {}
    for row in here.to_pylist():
        offsets[row["topic_partition"]] = row["topic_offset"] + 1
    spec, group = store.system.streams["events"], store.system.groups["activity"]
    known = "SELECT *, CAST(known AS DATE) AS day FROM messages WHERE epoch_us(known) < $at"
    distinct = f"{known} QUALIFY row_number() OVER (PARTITION BY id ORDER BY topic_offset) = 1"
    instant = {"at": int(at.timestamp()) * 1_000_000}
    events = duckdb.run(distinct, {"messages": here}, parameters=instant)
    tiles = duckdb.run(tiles_sql(group, spec), {"events": events})
    loaded = duckdb.run(batch_sql(group, spec), {"events": events, "tiles": tiles}, parameters=instant)
    ids: dict[dt.date, list[str]] = {}
    for row in events.to_pylist():
        ids.setdefault(row["day"], []).append(row["id"])
    store.advance(Boundary(at, {TOPIC: offsets}), {"activity": changes_of(group, loaded)}, {"events": ids})
