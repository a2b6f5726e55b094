"""The training set: each decision with its features as they were known, and later its label."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days
from ai_patterns.core.feedback import join_known_labels
from ai_patterns.core.point_in_time import point_in_time_sql
from ai_patterns.core.vectors import add_on_demand
from ai_patterns.engines import duckdb
from ai_patterns.jobs.label_log import label_log
from ai_patterns.jobs.log_pieces import in_pieces
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
TABLE = "training_sets"


def build_training_set(system: SystemSpec, lake: Lake, days: Days) -> int:
    """Write the decisions made on `days` with their features; return the number of rows.

    Labels are not stored: they land later, and `read_training_set` joins those that are known. More decisions than the
    engine takes at once are joined in ranges of days, one after the other.
    """
    parts = lake.batches(f"events/{system.decision.stream}", days)
    relations = feature_relations(system, lake)
    pieces = in_pieces(system, relations, parts) if len(parts) > 1 else iter([relations])
    return sum(_write(system, lake, part, piece) for part, piece in zip(parts, pieces, strict=True))


def _write(system: SystemSpec, lake: Lake, days: Days, relations: Mapping[str, object]) -> int:
    rows = add_features(system, read_decisions(system, lake, days), relations)
    dated = duckdb.run(
        f"SELECT CAST(decided_at AS DATE) AS {DAY}, * FROM rows ORDER BY decided_at, {_key(system)}", {"rows": rows}
    )
    lake.replace_days(TABLE, dated, days)
    log.info("training set: %d decisions on %s", dated.num_rows, days)
    return int(dated.num_rows)


def read_training_set(system: SystemSpec, lake: Lake, days: Days, *, labels_before: dt.datetime) -> pa.Table:
    """The decisions of `days` with `label` (float64) and `label_known_at`, null where not yet known.

    Args:
        system: the system's spec.
        lake: its lake.
        days: UTC days of the decision time.
        labels_before: labels that became known at this instant or later do not exist yet.
    """
    key = system.decision_stream.key
    decisions = lake.read(TABLE, days).sort_by([(name, "ascending") for name in ("decided_at", *key)])
    labels = label_log(system, lake, labels_before)
    joined = join_known_labels(decisions, labels, key, system.decision.label, as_of=labels_before)
    return joined.rows.drop_columns("state")


def read_decisions(system: SystemSpec, lake: Lake, days: Days) -> pa.Table:
    """The decisions due on `days`: the decision's inputs and `decided_at`."""
    stream = system.decision_stream
    time, lead = stream.event_time, system.decision.lead
    first, end = days.start + lead, days.end + lead
    due = (ds.field(time) >= pa.scalar(first)) & (ds.field(time) < pa.scalar(end))
    files = f"{time} >= '{first.isoformat()}' AND {time} < '{end.isoformat()}'"
    dataset = lake.dataset(f"events/{system.decision.stream}", files=files)
    events = dataset.to_table(columns=list(system.decision.inputs), filter=due)
    seconds = int(lead.total_seconds())
    return duckdb.run(f"SELECT *, {time} - to_seconds({seconds}) AS decided_at FROM events", {"events": events})


def feature_rows(system: SystemSpec, lake: Lake, decisions: pa.Table) -> pa.Table:
    """Point-in-time features, stored and on demand, of any `decisions` that hold the inputs and `decided_at`."""
    return add_features(system, decisions, feature_relations(system, lake))


def add_features(system: SystemSpec, decisions: pa.Table, relations: Mapping[str, object]) -> pa.Table:
    """As `feature_rows`, of relations that are at hand."""
    return add_on_demand(system, duckdb.run(point_in_time_sql(system), {**relations, "decisions": decisions}))


def feature_relations(system: SystemSpec, lake: Lake) -> dict[str, ds.Dataset]:
    """The relations that `point_in_time_sql` reads beside `decisions`, all from one side of any backfill."""
    tables = {f"values_{name}": f"values/{name}" for name in system.groups}
    dimensions = {lookup.dimension for lookup in system.lookups.values()}
    tables |= {f"dimension_{name}": f"dimensions/{name}" for name in dimensions}
    return lake.consistently(lambda: {name: lake.dataset(table) for name, table in tables.items()})


def _key(system: SystemSpec) -> str:
    return ", ".join(system.decision_stream.key)
