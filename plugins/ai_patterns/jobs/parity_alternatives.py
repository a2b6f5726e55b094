"""Alternatives for parity: the vectors as they would have been served, had one thing gone wrong.

What each class means is told in `core.parity`. The instants that are tried for a stale store are those at which
stores are filled, the midnights (UTC) of the eight days before the decision, and the last instant at which the value
log held the served numbers of a group; for a leak, the instant of the decision's own event and the midnights after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.core.cells import Array
from ai_patterns.core.parity import Alternative, Cause, Differences, Vectors
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
        part = work.take(rows)
        part = replace(part, relations=window(part))
        sources = list(_sources(part, {name: cells.take(rows) for name, cells in found.served.items()}))
        found.explain_features(_whole(part, rows, sources))
        landed = list(_as_the_lake_stood(part))
        found.explain_features(_whole(part, rows, landed))
        found.explain_cells()
        found.explain_features(expression_faults(part, rows), alone=True)
        _explain_groups(found, part, rows, [*sources, *landed])
    found.explain_missing(work.unknown)
    found.finish()


def _whole(part: Recomputation, rows: Array, sources: Iterable[Source]) -> Iterator[Alternative]:
    names = part.touched(part.groups)
    return (Alternative(item.cause, part.vectors(item.stored, names), rows, item.age, whole=True) for item in sources)


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


def _sources(part: Recomputation, served: Vectors) -> Iterator[Source]:
    """In the order of the classes."""
    for offset in offsets_of(part):
        yield _at("time_zone", part, _moved(part, offset))
        yield _at("time_zone", part, _moved(part, -offset))
    yield from _leaks(part)
    late = without_late_events(part, part.system.groups)
    if late:
        yield Source("late_event", part.stored_at(part.rows["decided_at"], late))
    for days in range(MIDNIGHTS):
        yield _at("stale_store", part, _midnights(part, -days))
    for group in part.system.groups:
        instants = last_instants(part, served, group)
        if instants is not None and instants.null_count < len(instants):
            yield _at("stale_store", part, pc.coalesce(instants, part.rows["decided_at"]))


def _leaks(part: Recomputation) -> Iterator[Source]:
    lead = part.system.decision.lead
    if lead:
        yield _at("known_time_leak", part, _moved(part, int(lead.total_seconds()) * 1_000_000))
    for days in range(1, MIDNIGHTS):
        yield _at("known_time_leak", part, _midnights(part, days))
    early = known_at_once(part, part.system.groups)
    if early:
        yield Source("known_time_leak", part.stored_at(part.rows["decided_at"], early))


def _as_the_lake_stood(part: Recomputation) -> Iterator[Source]:
    states = list(when_served(part))
    if states:
        positions = np.concatenate([rows for rows, _ in states])
        tables = [part.take(rows).stored_at(part.rows["decided_at"].take(rows), state) for rows, state in states]
        rest = np.setdiff1d(np.arange(part.rows.num_rows), positions)
        stored = pa.concat_tables([*tables, part.stored.take(rest)])
        yield Source("late_event", stored.take(np.argsort(np.concatenate([positions, rest]))))


def _at(cause: Cause, part: Recomputation, instants: pa.ChunkedArray) -> Source:
    decided = part.rows["decided_at"]
    age = (_us(decided) - _us(instants)) / _HOUR
    return Source(cause, part.stored_at(instants), age)


def _moved(part: Recomputation, microseconds: int) -> pa.Array:
    return _instants(_us(part.rows["decided_at"]) + microseconds)


def _midnights(part: Recomputation, days: int) -> pa.Array:
    return _instants((_us(part.rows["decided_at"]) // _DAY + days) * _DAY)


def _us(instants: pa.ChunkedArray | pa.Array) -> Array:
    return np.asarray(instants.cast(pa.int64()))


def _instants(microseconds: Array) -> pa.Array:
    return pa.array(microseconds, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
