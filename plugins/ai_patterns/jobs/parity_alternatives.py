"""Alternatives for parity: the vectors as they would have been served, had one thing gone wrong.

What each class means is told in `core.parity`. The instants that are tried for a stale store are those at which
stores are filled, the midnights (UTC) of the eight days before the decision, and the last instant at which the value
log held the served numbers of a group; for a leak, the instant of the decision's own event and the two midnights after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.core.cells import Array
from ai_patterns.core.parity import CAUSES, Alternative, Cause, Differences, Vectors
from ai_patterns.jobs.expression_faults import expression_faults, offsets_of
from ai_patterns.jobs.recomputation import Recomputation
from ai_patterns.jobs.value_logs import known_at_once, when_served, window, without_late_events
from ai_patterns.jobs.value_search import last_instants

MIDNIGHTS = 8
_HOUR, _DAY = 3_600_000_000, 86_400_000_000


@dataclass(frozen=True)
class Source:
    """Stored features as one fault would have made them.

    Attributes:
        cause: the fault.
        stored: inputs and stored features of all rows.
        age: hours from the instant whose values these are to the decision; None where it is the decision's own.
    """

    cause: Cause
    stored: pa.Table
    age: Array | None = None


def explain(found: Differences, work: Recomputation) -> None:
    """Give every cell that differs its cause: whole vectors first, then group by group, then cell by cell."""
    rows = found.open_rows
    if len(rows):
        groups = frozenset().union(*(work.groups_of.get(name, frozenset()) for name in found.open_features()))
        part = work.take(rows, groups)
        part = replace(part, relations=window(part) if groups else {})
        _explain_stored(found, part, rows)
    if len(found.open_rows):
        found.explain_missing(work.unknown)
        found.finish()


def _explain_stored(found: Differences, part: Recomputation, rows: Array) -> None:
    served = {name: cells.take(rows) for name, cells in found.served.items()}
    sources, landed = (_sources(part, served), _as_the_lake_stood(part)) if _read(part) else ([], [])
    found.explain_features(_whole(part, rows, sources))
    found.explain_features(_whole(part, rows, landed))
    found.explain_cells()
    found.explain_features(expression_faults(part, rows), alone=True)
    _explain_groups(found, part, rows, [*sources, *landed])


def _read(part: Recomputation) -> tuple[str, ...]:
    return (*part.read.groups, *part.read.lookups)


def _whole(part: Recomputation, rows: Array, sources: Iterable[Source]) -> Iterator[Alternative]:
    names = part.touched(_read(part))
    return (
        Alternative(item.cause, part.vectors(part.mixed(item.stored, part.groups), names), rows, item.age)
        for item in sources
    )


def _explain_groups(found: Differences, part: Recomputation, rows: Array, sources: list[Source]) -> None:
    for groups in _group_sets(part, found.open_features()):
        names = part.touched(groups)
        mixed = ((item, part.mixed(item.stored, groups)) for item in sources)
        found.explain_features(
            Alternative(item.cause, part.vectors(stored, names), rows, item.age) for item, stored in mixed
        )


def _group_sets(part: Recomputation, features: list[str]) -> list[frozenset[str]]:
    """Every group that the features come from, then every set of groups that one of them comes from."""
    sets = {part.groups_of[name] for name in features if part.groups_of.get(name)}
    single = {frozenset({group}) for groups in sets for group in groups}
    return sorted(single, key=sorted) + sorted(sets - single, key=sorted)


def _sources(part: Recomputation, served: Vectors) -> list[Source]:
    """In the order of the classes."""
    early, in_time = known_at_once(part), without_late_events(part)
    decided = [part.rows["decided_at"].combine_chunks()]
    instants = list(_instants_of(part, served))
    moved = [
        Source(cause, stored, (_us(decided[0]) - _us(at)) / _HOUR)
        for (cause, at), stored in zip(instants, part.stored_at([at for _, at in instants]), strict=True)
    ]
    moved += [Source("known_time_leak", stored) for stored in part.stored_at(decided if early else [], early)]
    moved += [Source("late_event", stored) for stored in part.stored_at(decided if in_time else [], in_time)]
    return sorted(moved, key=lambda source: CAUSES.index(source.cause))


def _instants_of(part: Recomputation, served: Vectors) -> Iterator[tuple[Cause, pa.Array]]:
    for offset in offsets_of(part):
        yield "time_zone", _moved(part, offset)
        yield "time_zone", _moved(part, -offset)
    lead = part.system.decision.lead
    if lead:
        yield "known_time_leak", _moved(part, int(lead.total_seconds()) * 1_000_000)
    for days in (1, 2):
        yield "known_time_leak", _midnights(part, days)
    for days in range(MIDNIGHTS):
        yield "stale_store", _midnights(part, -days)
    for group in part.read.groups:
        instants = last_instants(part, served, group)
        if instants is not None and instants.null_count < len(instants):
            yield "stale_store", pc.coalesce(instants, part.rows["decided_at"]).combine_chunks()


def _as_the_lake_stood(part: Recomputation) -> list[Source]:
    states = list(when_served(part))
    if not states:
        return []
    tables, positions = [], []
    for rows, state in states:
        then = part.take(rows)
        tables += then.stored_at([then.rows["decided_at"].combine_chunks()], state)
        positions.append(rows)
    rest = np.setdiff1d(np.arange(part.rows.num_rows), np.concatenate(positions))
    stored = pa.concat_tables([*tables, part.stored.take(rest).select(tables[0].column_names)])
    return [Source("late_event", stored.take(np.argsort(np.concatenate([*positions, rest]))))]


def _moved(part: Recomputation, microseconds: int) -> pa.Array:
    return _instants(_us(part.rows["decided_at"]) + microseconds)


def _midnights(part: Recomputation, days: int) -> pa.Array:
    return _instants((_us(part.rows["decided_at"]) // _DAY + days) * _DAY)


def _us(instants: pa.ChunkedArray | pa.Array) -> Array:
    return np.asarray(instants.cast(pa.int64()))


def _instants(microseconds: Array) -> pa.Array:
    return pa.array(microseconds, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
