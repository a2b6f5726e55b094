"""Every label of a system, from its label stream and from those that came from outside, as one log."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.core.prediction_schema import TIMESTAMP
from ai_patterns.engines import duckdb
from ai_patterns.jobs.labels import read_landed
from ai_patterns.spec.system import SystemSpec


def label_log(system: SystemSpec, lake: Lake, before: dt.datetime) -> pa.Table:
    """Labels that became known before an instant (UTC): the key, `label`, `label_known_at` and `observed_at`.

    A decision's corrections are rows beside what they correct. A label without a value is none.
    """
    label, key = system.decision.label, ", ".join(system.decision_stream.key)
    stream = system.streams[label.stream]
    columns = list(dict.fromkeys([*system.decision_stream.key, label.column, stream.known_time, stream.event_time]))
    known = ds.field(stream.known_time) < pa.scalar(before, TIMESTAMP)
    events = lake.dataset(f"events/{label.stream}").scanner(columns=columns, filter=known).to_table()
    landed = read_landed(system, lake, before)
    sql = f"""
SELECT {key}, CAST({label.column} AS DOUBLE) AS label, {stream.known_time} AS label_known_at,
  {stream.event_time} AS observed_at FROM events WHERE {label.column} IS NOT NULL
UNION ALL BY NAME SELECT {key}, label, label_known_at, observed_at FROM landed"""
    return duckdb.run(sql, {"events": events, "landed": landed})
