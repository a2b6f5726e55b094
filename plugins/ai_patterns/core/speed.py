"""The speed layer's arithmetic: events become tile rows, tile rows merge, and a read takes those inside its windows.

An entity's value at *t* is made of its tile rows: partial aggregates by tile and by when they enter. An event that was
known when it happened, or later, enters at once; one known ahead enters when its time comes, so it keeps a row of its
own instant. A row is inside a window of length *w* at *t* when it entered by then and `t < tile_end + w`. Rows merge in
any order and grouping, as the batch layer's tiles do (`core.tiles`). A read at *t* is exact if no event that became
known after *t* was folded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from operator import add
from typing import Any, NamedTuple

from ai_patterns.core.tiles import contributions_sql, last_columns, microseconds, partial_aggregates
from ai_patterns.spec.features import AggregationSpec, GroupSpec, feature_name
from ai_patterns.spec.streams import StreamSpec

AT_ONCE = -(2**63)
"""`enters` of rows whose events count as soon as they are folded."""

BATCH = "'batch'"
"""SQL of the batch layer's part."""

Partials = Sequence[Any]
"""Partial aggregates in the order of `partial_names`: integers, extremes, and `newest` as a tuple."""


class TileRow(NamedTuple):
    """One tile row of an entity.

    Attributes:
        tile_end: microseconds since 1970, UTC.
        enters: microseconds since 1970, UTC, from which it counts.
        partials: its events' partial aggregates.
    """

    tile_end: int
    enters: int
    partials: Partials


def partial_names(group: GroupSpec) -> list[str]:
    """The partial aggregates of a group, in the order in which rows hold them.

    >>> group = GroupSpec(stream="s", hop="5m", aggregations={"late": "rate(late) over 1h", "legs": "count over 1h"})
    >>> partial_names(group)
    ['events', 'late_sum', 'late_n']
    """
    return [sql.rpartition(" AS ")[2] for sql in partial_aggregates(group)]


def fold_sql(group: GroupSpec, stream: StreamSpec, part: str) -> str:
    """SQL over `events` that folds them into tile rows.

    Args:
        group: the group.
        stream: its stream.
        part: SQL over the events' columns; rows whose parts differ are not folded together.

    Returns:
        SQL whose columns are the key, `tile_end`, `enters`, `part` and the partials.
    """
    event, known = f"epoch_us({stream.event_time})", f"epoch_us({stream.known_time})"
    enters = f"CASE WHEN {event} > {known} THEN {event} ELSE {AT_ONCE} END AS enters"
    keys = ", ".join([*group.key, "tile_end", "enters", "part"])
    contributions = contributions_sql(group, stream, [enters, f"{part} AS part"])
    return f"SELECT {keys}, {', '.join(partial_aggregates(group))} FROM ({contributions}) GROUP BY {keys}"


def batch_sql(group: GroupSpec, stream: StreamSpec) -> str:
    """SQL over `tiles` and `events` that yields the batch layer's tile rows at the boundary `$at`, in microseconds.

    Both relations hold what became known before the boundary. A tile that ends by then is taken whole; of a later one
    the events are, since each enters when its time comes.
    """
    keys = ", ".join([*group.key, "tile_end", "enters", "part"])
    closed = f"SELECT *, {AT_ONCE} AS enters, {BATCH} AS part FROM tiles WHERE tile_end <= $at"
    ahead = f"SELECT * FROM ({fold_sql(group, stream, BATCH)}) WHERE tile_end > $at"
    both = f"{closed} UNION ALL BY NAME {ahead}"
    return f"SELECT {keys}, {', '.join(partial_aggregates(group))} FROM ({both}) GROUP BY {keys}"


def merger(group: GroupSpec) -> Callable[[Partials, Partials], Partials]:
    """What merges two rows' partials into those of all their events.

    >>> group = GroupSpec(stream="s", hop="5m", aggregations={"late": "rate(late) over 1h", "top": "max(gap) over 1h"})
    >>> merger(group)([2, 1, 2, None], [1, 1, 1, 7.5])
    (3, 2, 3, 7.5)
    """
    functions = [_MERGE.get(name.rpartition("_")[2], add) for name in partial_names(group)]
    return lambda one, other: tuple([function(a, b) for function, a, b in zip(functions, one, other, strict=True)])


def features_at(group: GroupSpec, rows: Iterable[TileRow], at: int) -> dict[str, Any]:
    """The group's features at an instant.

    Args:
        group: the group.
        rows: the entity's tile rows of every layer.
        at: microseconds since 1970, UTC.

    Returns:
        By feature, in declared order; what `core.values` gives for the same events, to the bit.
    """
    merged, names = merger(group), partial_names(group)
    entered = [row for row in rows if row.enters <= at]
    inside: dict[timedelta, Mapping[str, Any] | None] = {}
    for window in {window for item in group.aggregations.values() for window in item.windows}:
        total: Partials | None = None
        ended = at - microseconds(window)
        for row in entered:
            if ended < row.tile_end:
                total = row.partials if total is None else merged(total, row.partials)
        inside[window] = None if total is None else dict(zip(names, total, strict=True))
    return {
        feature_name(name, window): _feature(group, name, item, inside[window])
        for name, item in group.aggregations.items()
        for window in item.windows
    }


def empty_features(group: GroupSpec) -> dict[str, Any]:
    """The group's features where no window holds an event."""
    return features_at(group, (), 0)


def _feature(group: GroupSpec, name: str, item: AggregationSpec, held: Mapping[str, Any] | None) -> Any:
    """One feature from the merged partials of its window; None where no event is inside."""
    if held is None:
        return 0.0 if item.function in ("count", "sum") else None
    match item.function:
        case "count":
            return float(held["events"])
        case "sum":
            return float(held[f"{name}_sum"]) / item.scale
        case "mean" | "rate":
            count = held[f"{name}_n"]
            return float(held[f"{name}_sum"]) / (float(count) * item.scale) if count else None
        case "last":
            newest = held["newest"]
            return newest[len(newest) - len(last_columns(group)) + last_columns(group).index(str(item.column))]
    return held[f"{name}_{item.function}"]


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def _most(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


_MERGE: Mapping[str, Callable[[Any, Any], Any]] = {"min": _least, "max": _most, "newest": max}
"""By the last word of a partial's name; all others add up."""
