"""Proof that no feature knows the future: the same decisions, recomputed from the past alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.point_in_time import point_in_time_sql
from ai_patterns.core.tiles import microseconds, tiles_sql
from ai_patterns.core.values import values_sql
from ai_patterns.core.vectors import add_on_demand
from ai_patterns.engines import duckdb
from ai_patterns.jobs.training_set import TABLE
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
DECISION = "decision_number"


@dataclass(frozen=True)
class LeakageReport:
    """What came of the comparison.

    Attributes:
        decisions: how many were recomputed.
        features: how many features each has.
        differing: decisions in which a feature differs, by feature; empty when nothing leaks.
    """

    decisions: int
    features: int
    differing: dict[str, int]


def check_leakage(system: SystemSpec, lake: Lake, days: Days, *, decisions: int = 500, seed: int = 7) -> LeakageReport:
    """Recompute random decisions of `days` with every event deleted that became known after the decision.

    Each decision gets a copy of its own past, so one query a group serves them all.

    Raises:
        ServiceUnavailableError: the lake has no training set.
    """
    stored = _sample(lake.read(TABLE, days), decisions, seed)
    alone = _keyed_by_decision(system)
    relations: dict[str, object] = {"decisions": stored.select([*system.decision.inputs, "decided_at", DECISION])}
    relations |= {f"values_{name}": _past_values(system, alone, lake, stored, name) for name in system.groups}
    dimensions = {lookup.dimension for lookup in system.lookups.values()}
    relations |= {f"dimension_{name}": lake.dataset(f"dimensions/{name}") for name in dimensions}
    recomputed = add_on_demand(system, duckdb.run(point_in_time_sql(alone), relations)).sort_by(DECISION)
    features = [*system.feature_columns, *system.on_demand]
    unlike = {name: _differences(stored.column(name), recomputed.column(name)) for name in features}
    report = LeakageReport(stored.num_rows, len(features), {name: count for name, count in unlike.items() if count})
    log.info("%d decisions recomputed from their past alone: %s", report.decisions, report.differing or "all equal")
    return report


def _sample(rows: pa.Table, size: int, seed: int) -> pa.Table:
    chosen = np.random.default_rng(seed).choice(rows.num_rows, min(size, rows.num_rows), replace=False)
    sample = rows.take(np.sort(chosen))
    return sample.append_column(DECISION, pa.array(range(sample.num_rows), pa.int64()))


def _keyed_by_decision(system: SystemSpec) -> SystemSpec:
    groups = {name: group.model_copy(update={"key": (DECISION,)}) for name, group in system.groups.items()}
    return system.model_copy(update={"groups": groups})


def _past_values(system: SystemSpec, alone: SystemSpec, lake: Lake, decisions: pa.Table, name: str) -> pa.Table:
    group, stream = system.groups[name], system.streams[system.groups[name].stream]
    reach = microseconds(group.max_window + 2 * group.hop)
    same_key = [f"e.{key} = d.{key}" for key in group.key]
    past = [
        f"e.{stream.known_time} <= d.decided_at",
        f"e.{stream.event_time} > d.decided_at - to_microseconds({reach})",
    ]
    columns = ", ".join(f"e.{column}" for column in ["day", *stream.columns])
    events = duckdb.run(
        f"SELECT d.{DECISION}, {columns} FROM events e JOIN decisions d ON {' AND '.join([*same_key, *past])}",
        {"events": lake.dataset(f"events/{group.stream}"), "decisions": decisions},
    )
    tiles = duckdb.run(tiles_sql(alone.groups[name], stream), {"events": events})
    log_sql = (
        f"SELECT * REPLACE (make_timestamptz(valid_from) AS valid_from) FROM ({values_sql(alone.groups[name], stream)})"
    )
    return duckdb.run(log_sql, {"events": events, "tiles": tiles})


def _differences(stored: pa.ChunkedArray, recomputed: pa.ChunkedArray) -> int:
    same = pc.or_kleene(pc.equal(stored, recomputed), pc.and_(pc.is_null(stored), pc.is_null(recomputed)))
    return int(pc.sum(pc.invert(pc.fill_null(same, False))).as_py() or 0)
