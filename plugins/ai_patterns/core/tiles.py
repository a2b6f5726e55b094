"""Tiles: partial aggregates of a group per entity and hop, as SQL.

A tile holds the events of one entity whose event time, rounded up to the hop, is `tile_end` and whose known
time, rounded down to the hop, is `known_tile`. Tiles of one key merge in any order: counts and scaled sums
add up in 64-bit integers, extremes by min and max, the newest value by (event time, known time, event key).
Partitioned by the day of the known time, a day's tiles depend on that day's events alone.

The idea of windows as sums of tiles with a sawtooth edge is Chronon's (Airbnb, 2023); that a tile is also
told apart by when it became known is what keeps a late event out of the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ai_patterns.spec.features import AggregationSpec, GroupSpec
from ai_patterns.spec.streams import StreamSpec

SUMMED = ("sum", "mean", "rate")


def microseconds(duration: timedelta) -> int:
    """A duration in whole microseconds."""
    return duration // timedelta(microseconds=1)


def round_down(expression: str, hop: int) -> str:
    """SQL that rounds integer microseconds down to a multiple of `hop`, also before 1970."""
    return f"(({expression}) - ((({expression}) % {hop}) + {hop}) % {hop})"


def tiles_sql(group: GroupSpec, stream: StreamSpec) -> str:
    """SQL over the relation `events` that yields the group's tiles.

    Columns: `day`, the key, `tile_end` and `known_tile` (microseconds since 1970, UTC), then the partials.
    """
    keys = ", ".join(["day", *group.key])
    return f"""
SELECT {keys}, tile_end, known_tile, {", ".join(partial_aggregates(group))}
FROM ({contributions_sql(group, stream)})
GROUP BY {keys}, tile_end, known_tile
ORDER BY {keys}, tile_end, known_tile"""


def contributions_sql(group: GroupSpec, stream: StreamSpec, labels: Sequence[str] = ("day",)) -> str:
    """SQL over `events` that yields each event as a tile of its own.

    Columns: the labels (columns or expressions of the events), the key, `tile_end`, `known_tile`, `entered` (when the
    event counts for the first time, in microseconds) and the partials.
    """
    hop = microseconds(group.hop)
    event, known = f"epoch_us({stream.event_time})", f"epoch_us({stream.known_time})"
    columns = [
        *labels,
        *group.key,
        f"{round_down(f'{event} + {hop - 1}', hop)} AS tile_end",
        f"{round_down(known, hop)} AS known_tile",
        f"greatest({event}, {known}) AS entered",
        *_event_partials(group, stream),
    ]
    present = " AND ".join(f"{key} IS NOT NULL" for key in group.key) or "true"
    return f"SELECT {', '.join(columns)} FROM events WHERE {present}"


def _event_partials(group: GroupSpec, stream: StreamSpec) -> list[str]:
    partials = ["CAST(1 AS BIGINT) AS events"]
    for name, item in group.aggregations.items():
        if item.function in SUMMED:
            partials.append(f"{_scaled(item)} AS {name}_sum")
            partials.append(f"CAST({item.column} IS NOT NULL AS BIGINT) AS {name}_n")
        elif item.function in ("min", "max"):
            partials.append(f"{one_zero(str(item.column))} AS {name}_{item.function}")
    newest = last_columns(group)
    if newest:
        order = [f"epoch_us({stream.event_time})", f"epoch_us({stream.known_time})", *stream.key]
        fields = [f"o{number} := {column}" for number, column in enumerate(order)]
        fields += [f"v{number} := {_value(stream, column)}" for number, column in enumerate(newest)]
        partials.append(f"struct_pack({', '.join(fields)}) AS newest")
    return partials


def _value(stream: StreamSpec, column: str) -> str:
    return one_zero(column) if stream.columns[column].type == "double" else column


def one_zero(column: str) -> str:
    """SQL for a value as a double that is never -0.0.

    Of two equal zeros an extreme would keep the first to come, and engines differ in which one a struct keeps.
    """
    return f"CASE WHEN {column} = 0 THEN CAST(0 AS DOUBLE) ELSE CAST({column} AS DOUBLE) END"


def _scaled(item: AggregationSpec) -> str:
    """The value as an exact integer; a missing value adds nothing."""
    value = f"CAST({item.column} AS BIGINT)" if item.function == "rate" else f"round({item.column} * {item.scale})"
    return f"CAST(coalesce({value}, 0) AS BIGINT)"


def partial_aggregates(group: GroupSpec) -> list[str]:
    """SQL that merges partials of equal columns."""
    merged = ["CAST(sum(events) AS BIGINT) AS events"]
    for name, item in group.aggregations.items():
        if item.function in SUMMED:
            merged += [f"CAST(sum({name}_{part}) AS BIGINT) AS {name}_{part}" for part in ("sum", "n")]
        elif item.function in ("min", "max"):
            merged.append(f"{item.function}({name}_{item.function}) AS {name}_{item.function}")
    if last_columns(group):
        merged.append("max(newest) AS newest")
    return merged


def last_columns(group: GroupSpec) -> list[str]:
    """Distinct columns of the stream that `last` aggregations read, in declared order."""
    columns = (str(item.column) for item in group.aggregations.values() if item.function == "last")
    return list(dict.fromkeys(columns))
