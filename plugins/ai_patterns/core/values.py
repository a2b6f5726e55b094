"""The log of a group's values, from its tiles: one row whenever the value of an entity may change.

An event enters the windows at `entered`, its tile leaves each window at `tile_end + window`. Sums and counts
are running totals of what entered minus what left, so a year costs one sort instead of a range join. The value
of an entity at *t* is the row with the greatest `valid_from <= t`.
"""

from __future__ import annotations

from datetime import timedelta

from ai_patterns.core.tiles import SUMMED, contributions_sql, last_columns, microseconds, round_down
from ai_patterns.spec.durations import format_duration
from ai_patterns.spec.features import AggregationSpec, GroupSpec, feature_name
from ai_patterns.spec.streams import StreamSpec


def values_sql(group: GroupSpec, stream: StreamSpec, within: tuple[int, int] | None = None) -> str:
    """SQL over `events` and `tiles` that yields the log, with `valid_from` in microseconds.

    Columns: the key, `valid_from`, one column a feature. Relations must reach back so far that nothing older
    can still be inside a window at the first instant of interest.

    Args:
        group: whose values.
        stream: of its events.
        within: microseconds from the first instant of interest to the one after the last; rows outside say nothing.
            All that changed before them is one change an entity, and what changes after them is left out: of a window
            of 60 days before and after a day, only the day is sorted and summed.
    """
    extremes = [*_extremes(group)]
    ctes = [
        f"entering AS ({_entering(group, stream)})",
        f"changes AS ({' UNION ALL '.join([_enter_changes(group), *_leave_changes(group)])})",
        f"instants AS ({_instants(group, within)})",
        f"running AS ({_running(group)})",
        *(sql for _, sql in extremes),
    ]
    joins = "".join(f"\nLEFT JOIN {name} USING ({_list(group, 'valid_from')})" for name, _ in extremes)
    features = ", ".join(
        f"{_feature(group, name, item, window)} AS {feature_name(name, window)}"
        for name, item in group.aggregations.items()
        for window in item.windows
    )
    return f"WITH {', '.join(ctes)}\nSELECT {_list(group, 'valid_from')}, {features}\nFROM running{joins}"


def closing(group: GroupSpec) -> int:
    """Microseconds after midnight that still belong to the day before, in the log of a group.

    What a batch layer holds at a midnight follows from the days before it alone, so it is written with them: whoever
    fills an online store at that midnight finds it.
    """
    return 1 if group.layer == "batch" else 0


def _list(group: GroupSpec, *more: str) -> str:
    return ", ".join([*group.key, *more])


def _windows(group: GroupSpec) -> list[timedelta]:
    return sorted({window for item in group.aggregations.values() for window in item.windows})


def _summed(group: GroupSpec) -> list[str]:
    parts = [
        f"{name}_{part}"
        for name, item in group.aggregations.items()
        if item.function in SUMMED
        for part in ("sum", "n")
    ]
    return ["events", *parts]


def _entering(group: GroupSpec, stream: StreamSpec) -> str:
    if group.layer == "stream":
        return contributions_sql(group, stream)
    hop = microseconds(group.hop)
    return f"SELECT *, greatest(known_tile + {hop}, tile_end) AS entered FROM tiles"


def _enter_changes(group: GroupSpec) -> str:
    """What enters adds to each window that it has not left already."""
    sums = [
        f"CASE WHEN entered < tile_end + {microseconds(window)} THEN {part} ELSE 0 END"
        f" AS {part}_{format_duration(window)}"
        for window in _windows(group)
        for part in _summed(group)
    ]
    newest = ["newest"] if last_columns(group) else []
    return f"SELECT {_list(group, 'entered AS valid_from', *sums, *newest)} FROM entering"


def _leave_changes(group: GroupSpec) -> list[str]:
    """Each tile leaves each window once, if it entered it before; the columns stand as in `_enter_changes`."""
    hop = microseconds(group.hop)
    entered = "known_tile" if group.layer == "stream" else f"greatest(known_tile + {hop}, tile_end)"
    newest = ["NULL AS newest"] if last_columns(group) else []
    changes = []
    for window in _windows(group):
        left = f"tile_end + {microseconds(window)}"
        columns = _list(group, f"{left} AS valid_from", *_negated(group, window), *newest)
        changes.append(f"SELECT {columns} FROM tiles WHERE {entered} < {left}")
    return changes


def _negated(group: GroupSpec, left: timedelta) -> list[str]:
    return [
        f"{f'-{part}' if window == left else 'CAST(NULL AS BIGINT)'} AS {part}_{format_duration(window)}"
        for window in _windows(group)
        for part in _summed(group)
    ]


def _instants(group: GroupSpec, within: tuple[int, int] | None) -> str:
    parts = [f"{part}_{format_duration(window)}" for window in _windows(group) for part in _summed(group)]
    sums = [f"sum({part}) AS {part}" for part in parts]
    newest = ["max(newest) AS newest"] if last_columns(group) else []
    moment = f"greatest(valid_from, {within[0] - 1})" if within else "valid_from"
    changes = f"changes WHERE valid_from < {within[1]}" if within else "changes"
    columns = _list(group, f"{moment} AS valid_from", *sums, *newest)
    return f"SELECT {columns} FROM {changes} GROUP BY {_list(group, moment)}"


def _running(group: GroupSpec) -> str:
    partition = f"PARTITION BY {_list(group)} " if group.key else ""
    over = f"OVER ({partition}ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    parts = [f"{part}_{format_duration(window)}" for window in _windows(group) for part in _summed(group)]
    sums = [f"CAST(sum({part}) {over} AS BIGINT) AS {part}" for part in parts]
    newest = [f"max(newest) {over} AS newest"] if last_columns(group) else []
    return f"SELECT {_list(group, 'valid_from', *sums, *newest)} FROM instants"


def _extremes(group: GroupSpec) -> list[tuple[str, str]]:
    """Minimum and maximum have no inverse: they are taken over what is inside the window at each instant."""
    return [
        (
            f"{name}_{format_duration(window)}",
            f"{name}_{format_duration(window)} AS ({_extreme(group, name, item, window)})",
        )
        for name, item in group.aggregations.items()
        if item.function in ("min", "max")
        for window in item.windows
    ]


def _extreme(group: GroupSpec, name: str, item: AggregationSpec, window: timedelta) -> str:
    same_key = " AND ".join([*(f"i.{key} = e.{key}" for key in group.key), "true"])
    keys = ", ".join([*(f"i.{key}" for key in group.key), "i.valid_from"])
    return (
        f"SELECT {keys}, {item.function}(e.{name}_{item.function}) AS extreme FROM instants i JOIN entering e "
        f"ON {same_key} AND e.entered <= i.valid_from AND i.valid_from < e.tile_end + {microseconds(window)} "
        f"GROUP BY {keys}"
    )


def _feature(group: GroupSpec, name: str, item: AggregationSpec, window: timedelta) -> str:
    length = format_duration(window)
    total, count = f"{name}_sum_{length}", f"{name}_n_{length}"
    match item.function:
        case "count":
            return f"CAST(events_{length} AS DOUBLE)"
        case "sum":
            return f"CAST({total} AS DOUBLE) / {item.scale}"
        case "mean" | "rate":
            return f"CASE WHEN {count} > 0 THEN CAST({total} AS DOUBLE) / (CAST({count} AS DOUBLE) * {item.scale}) END"
        case "last":
            return _last(group, item, window)
    return f"{name}_{length}.extreme"


def _last(group: GroupSpec, item: AggregationSpec, window: timedelta) -> str:
    """The newest value, until its tile leaves the window."""
    hop = microseconds(group.hop)
    event = "struct_extract(newest, 'o0')"
    tile_end = round_down(f"{event} + {hop - 1}", hop)
    field = f"v{last_columns(group).index(str(item.column))}"
    return f"CASE WHEN valid_from < {tile_end} + {microseconds(window)} THEN struct_extract(newest, '{field}') END"
