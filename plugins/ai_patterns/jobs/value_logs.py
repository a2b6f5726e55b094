"""Value logs for the decisions at hand: a window of the lake's, and logs built from other events."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake.exceptions import DeltaError

from ai_patterns.core.cells import Array
from ai_patterns.core.tiles import microseconds, tiles_sql
from ai_patterns.core.values import values_sql
from ai_patterns.engines import duckdb
from ai_patterns.jobs.recomputation import Recomputation
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec

log = logging.getLogger(__name__)
BEFORE, AFTER = dt.timedelta(days=8), dt.timedelta(days=2)
"""How far before the first decision and after the last one a log is kept."""


def window(work: Recomputation, versions: Mapping[str, int] | None = None) -> dict[str, object]:
    """The system's relations, of the decisions' entities alone and from `BEFORE` the first decision on.

    Args:
        work: the decisions.
        versions: Delta version of each table; the present one by default.
    """
    versions = versions or {}
    found: dict[str, object] = {
        f"values_{name}": _window_of(
            work, name, work.lake.dataset(f"values/{name}", None, versions.get(f"values/{name}"))
        )
        for name in work.read.groups
    }
    for lookup in work.read.lookups.values():
        table = f"dimensions/{lookup.dimension}"
        found[f"dimension_{lookup.dimension}"] = work.lake.read(table, version=versions.get(table))
    return found


def _window_of(work: Recomputation, name: str, log: ds.Dataset) -> pa.Table:
    keys = work.system.key_of(name)
    partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
    entities = f" SEMI JOIN decisions USING ({', '.join(keys)})" if keys else ""
    first, last = _span(work)
    sql = f"""
SELECT * EXCLUDE (until) FROM (
  SELECT *, lead(valid_from) OVER ({partition}ORDER BY valid_from) AS until
  FROM log{entities} WHERE valid_from <= $last
) WHERE until IS NULL OR until > $first"""
    return duckdb.run(sql, {"log": log, "decisions": work.rows}, parameters={"first": first, "last": last})


def _span(work: Recomputation) -> tuple[dt.datetime, dt.datetime]:
    decided = pc.min_max(work.rows["decided_at"]).as_py()
    return decided["min"] - BEFORE, decided["max"] + AFTER


def known_at_once(work: Recomputation) -> dict[str, object]:
    """Logs in which each event counts from its event time on, though it became known later; none where none did."""
    logs: dict[str, object] = {}
    for name, group in work.read.groups.items():
        stream = work.system.streams[group.stream]
        early = stream.model_copy(update={"known_time": stream.event_time})
        if stream.known_time != stream.event_time:
            logs[f"values_{name}"] = _rebuild(group, early, _events(work, group, stream))
    return logs


def without_late_events(work: Recomputation) -> dict[str, object]:
    """Logs without the events that became known more than a hop after they happened; none where there are none."""
    logs: dict[str, object] = {}
    for name, group in work.read.groups.items():
        stream = work.system.streams[group.stream]
        if stream.known_time == stream.event_time:
            continue
        delay = f"epoch_us({stream.known_time}) - epoch_us({stream.event_time})"
        late = f"{delay} > {microseconds(group.hop)}"
        events = _events(work, group, stream)
        in_time = duckdb.run(f"SELECT * FROM events WHERE NOT ({late})", {"events": events})
        if in_time.num_rows < events.num_rows:
            logs[f"values_{name}"] = _rebuild(group, stream, in_time)
    return logs


def _events(work: Recomputation, group: GroupSpec, stream: StreamSpec) -> pa.Table:
    first, last = _span(work)
    reach = group.max_window + 2 * group.hop
    time = ds.field(stream.event_time)
    inside = (time > pa.scalar(first - reach)) & (time <= pa.scalar(last))
    return work.lake.dataset(f"events/{group.stream}").to_table(filter=inside)


def _rebuild(group: GroupSpec, stream: StreamSpec, events: pa.Table) -> pa.Table:
    tiles = duckdb.run(tiles_sql(group, stream), {"events": events})
    sql = f"SELECT * REPLACE (make_timestamptz(valid_from) AS valid_from) FROM ({values_sql(group, stream)})"
    return duckdb.run(sql, {"events": events, "tiles": tiles})


def when_served(work: Recomputation) -> Iterator[tuple[Array, dict[str, object]]]:
    """For each state of the lake in which vectors were served: their rows, and the relations of that state.

    A state that the lake no longer keeps, and the present one, are left out.
    """
    tables = [f"values/{name}" for name in work.read.groups]
    tables += sorted({f"dimensions/{lookup.dimension}" for lookup in work.read.lookups.values()})
    served = np.asarray(work.rows["served_at"].cast(pa.int64())) // 1000
    states = np.stack([_version_at(work, table, served) for table in tables], axis=1)
    now = np.array([work.lake.version(table) for table in tables])
    for state in np.unique(states, axis=0):
        rows = np.flatnonzero((states == state).all(axis=1))
        if (state < 0).any() or (state == now).all():
            continue
        try:
            yield rows, window(work.take(rows), dict(zip(tables, map(int, state), strict=True)))
        except (OSError, DeltaError) as error:
            log.info("the lake no longer keeps its state when %d vectors were served: %s", len(rows), error)


def _version_at(work: Recomputation, table: str, milliseconds: Array) -> Array:
    """The newest version committed by then; -1 before the first."""
    commits = sorted((item["version"], item["timestamp"]) for item in work.lake.open(table).history())
    versions, times = (np.array(part) for part in zip(*commits, strict=True))
    position = np.searchsorted(times, milliseconds, side="right") - 1
    return np.where(position < 0, -1, versions[np.maximum(position, 0)])
