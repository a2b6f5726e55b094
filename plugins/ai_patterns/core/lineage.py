"""Which events a feature's value counts, and which decisions count an event: the formula of a group read both ways.

A group's value at *t* counts the events with event time in `(floor(t - window, hop), t]` that were known at *t*; in the
batch layer *t* is the last hop boundary and known means known before it (see `spec.features.GroupSpec`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ai_patterns.core.clock import to_microseconds
from ai_patterns.core.days import Days, midnight
from ai_patterns.core.tiles import microseconds, round_down
from ai_patterns.core.values import closing
from ai_patterns.spec.expressions import names_in, parse_expression
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec


def groups_read(system: SystemSpec) -> tuple[str, ...]:
    """The groups from which the model's features come, in declared order."""
    columns, seen = list(system.model.columns), set[str]()
    while columns:
        column = columns.pop()
        if column in system.on_demand and column not in seen:
            columns += names_in(parse_expression(system.on_demand[column]))
        seen.add(column)
    stored = {column.partition("__")[0] for column in seen & set(system.feature_columns)}
    return tuple(name for name in system.groups if name in stored)


def widest(groups: Mapping[str, GroupSpec]) -> tuple[str, ...]:
    """Groups of one stream that together count each event that any of the groups counts, those with fewest keys first.

    Who counts an airport's last hour counts nothing that who counts the last day everywhere does not.

    >>> from ai_patterns.spec.features import GroupSpec
    >>> rides = {"stream": "rides", "hop": "1h"}
    >>> city = GroupSpec(**rides, aggregations={"rides": "count over 1d"})
    >>> dock = GroupSpec(**rides, key=["dock"], aggregations={"rides": "count over 1h"})
    >>> bike = GroupSpec(**rides, key=["bike"], aggregations={"rides": "count over 7d"})
    >>> widest({"dock": dock, "bike": bike, "city": city})
    ('city', 'bike')
    """
    kept: list[str] = []
    for name in sorted(groups, key=lambda name: (len(groups[name].key), -groups[name].max_window, name)):
        if not any(_counts_all_of(groups[wide], groups[name]) for wide in kept):
            kept.append(name)
    return tuple(kept)


def _counts_all_of(wide: GroupSpec, group: GroupSpec) -> bool:
    alike = (wide.layer, wide.hop) == (group.layer, group.hop)
    return alike and wide.max_window >= group.max_window and {*wide.key} <= {*group.key}


def reached_days(group: GroupSpec, days: Days, newest_tile: int | None) -> Days:
    """The days of a group's value log that can change when the events that became known on `days` change.

    Nothing counts before it is known, and each event leaves the longest window with its tile, so nothing after that.

    Args:
        group: the group.
        days: partitions of its stream's events.
        newest_tile: the greatest `tile_end` of these events, old and new, in microseconds; None where they have none.

    >>> from ai_patterns.spec.features import GroupSpec
    >>> week = {"hop": "1d", "aggregations": {"rides": "count over 7d"}}
    >>> day = Days.parse("2024-01-01")
    >>> str(reached_days(GroupSpec(stream="rides", layer="batch", **week), day, None))
    '2024-01-01/2024-01-08'
    >>> str(reached_days(GroupSpec(stream="rides", **week), day, None))
    '2024-01-01/2024-01-09'
    """
    newest = max(to_microseconds(days.end), newest_tile or 0)
    left = newest + microseconds(group.max_window) - closing(group)
    return Days(days.first, days.last + dt.timedelta(microseconds=left - to_microseconds(midnight(days.last))))


def counted_sql(group: GroupSpec, stream: StreamSpec) -> str:
    """SQL over `decisions` and `events`: each event that a decision's longest window counts.

    `decisions` holds `decided_at` and the group's key. Columns: `day` and the stream's key.
    """
    same = [f"d.{key} = e.{key}" for key in group.key]
    window = [f"{_event(stream)} > {_oldest('d.decided_at', group)}", f"{_entered(group, stream)} <= {_DECIDED}"]
    columns = ", ".join(dict.fromkeys(["e.day", *(f"e.{key}" for key in stream.key)]))
    return f"SELECT {columns} FROM events e JOIN decisions d ON {' AND '.join([*same, *window])}"


def resting_sql(group: GroupSpec, stream: StreamSpec) -> str:
    """SQL over `decisions` and `events`: the `prediction_id` of each decision that counts at least one of the events.

    Of the events that a decision could know, the newest one lies in its window or none does, so one as-of join with a
    running maximum answers for all of them.
    """
    keys = ", ".join(group.key)
    partition = f"PARTITION BY {keys} " if keys else ""
    order = "ORDER BY entered RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    columns = ", ".join([*(f"e.{key}" for key in group.key), f"{_entered(group, stream)} AS entered"])
    on = " AND ".join([*(f"d.{key} = n.{key}" for key in group.key), f"{_DECIDED} >= n.entered"])
    return f"""
WITH entering AS (SELECT {columns}, {_event(stream)} AS event FROM events e),
newest AS (SELECT *, max(event) OVER ({partition}{order}) AS newest FROM entering)
SELECT d.prediction_id FROM decisions d ASOF JOIN newest n ON {on}
WHERE n.newest > {_oldest("d.decided_at", group)}"""


_DECIDED = "epoch_us(d.decided_at)"


def _event(stream: StreamSpec) -> str:
    return f"epoch_us(e.{stream.event_time})"


def _oldest(instant: str, group: GroupSpec) -> str:
    """Where the longest window begins, itself excluded."""
    hop, window = microseconds(group.hop), microseconds(group.max_window)
    if group.layer == "batch":
        return f"({round_down(f'epoch_us({instant})', hop)} - {window})"
    return round_down(f"epoch_us({instant}) - {window}", hop)


def _entered(group: GroupSpec, stream: StreamSpec) -> str:
    """When an event begins to count."""
    event, known, hop = _event(stream), f"epoch_us(e.{stream.known_time})", microseconds(group.hop)
    if group.layer == "stream":
        return f"greatest({event}, {known})"
    return f"greatest({round_down(f'{event} + {hop - 1}', hop)}, {round_down(known, hop)} + {hop})"
