"""A lake of any system's shape with as many events and predictions as wanted, drawn a column at a time.

Event *i* of each stream happens near `i / events` of the span, whatever its stream, so the events of one key lie close
together; every other value is drawn by a hash of *i*, so a lake is the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.predictions import PARTITIONS, TABLE
from ai_patterns.engines import duckdb
from ai_patterns.spec.streams import ColumnSpec, StreamSpec
from ai_patterns.spec.system import SystemSpec

ENTITIES = 200
"""How many values a text takes that declares none."""
_CHUNK = 250_000


@dataclass(frozen=True)
class Crowd:
    """How large a lake is.

    Attributes:
        days: when its events happen.
        events: of each stream.
        predictions: of all decisions together, as many of each, online and in batches, of five model versions.
        wide: whether they log every feature of the model, or the decision's inputs alone.
    """

    days: Days
    events: int
    predictions: int
    wide: bool = False


def fill(system: SystemSpec, lake: Lake, crowd: Crowd) -> None:
    """Publish the events of every stream and the predictions."""
    for name, stream in system.streams.items():
        lake.append(f"events/{name}", _events(system, name, stream, crowd), [DAY])
    decisions = lake.read(f"events/{system.decision.stream}").sort_by(system.decision_stream.event_time)
    numbered = decisions.append_column("number", pa.array(range(decisions.num_rows), pa.int64()))
    for first in range(0, crowd.predictions, _CHUNK):
        span = range(first, min(first + _CHUNK, crowd.predictions))
        lake.append(TABLE, _predictions(system, numbered, span, crowd), PARTITIONS)


def _events(system: SystemSpec, name: str, stream: StreamSpec, crowd: Crowd) -> pa.Table:
    step = (crowd.days.end - crowd.days.start).total_seconds() * 1e6 / crowd.events
    base = f"TIMESTAMPTZ '{crowd.days.start.isoformat()}' + to_microseconds((i * {step})::BIGINT)"
    decided_on = name == system.decision.stream
    event = "base" if decided_on else f"base + to_seconds(({_draw(name, 10_800)})::BIGINT)"
    late = f"to_seconds(({_draw(name + '.late', 5400)})::BIGINT)"
    known = f"base - INTERVAL 3 HOUR - {late}" if decided_on else f"event + {late}"
    columns = {column: _value(column, spec) for column, spec in stream.columns.items()}
    columns |= {key: f"'{key}-' || i" for key in stream.key}
    columns |= {stream.known_time: "known", stream.event_time: "event"}
    chosen = ", ".join(f'{sql} AS "{column}"' for column, sql in columns.items())
    return duckdb.run(
        f"""
WITH base AS (SELECT i, {base} AS base FROM range({crowd.events}) r(i)),
event AS (SELECT *, {event} AS event FROM base),
known AS (SELECT *, {known if stream.known_time != stream.event_time else "event"} AS known FROM event)
SELECT {chosen}, CAST(known AS DATE) AS {DAY} FROM known ORDER BY known""",
        {},
    )


def _predictions(system: SystemSpec, decisions: pa.Table, span: range, crowd: Crowd) -> pa.Table:
    stream, lead = system.decision_stream, int(system.decision.lead.total_seconds())
    logged = {name: f"d.{name}" for name in system.decision.inputs}
    if crowd.wide:
        logged |= {name: f"{_draw(name, 100_000)} / 997.0" for name in system.model.columns if name not in logged}
    pairs = ", ".join(f"'{name}', {sql}" for name, sql in logged.items())
    columns = {
        **{key: f"d.{key}" for key in stream.key},
        "prediction_id": "md5(i::VARCHAR)",
        "decided_at": f"d.{stream.event_time} - to_seconds({lead})",
        "served_at": f"d.{stream.event_time} - to_seconds({lead})",
        "features": f"json_object({pairs})::VARCHAR",
        "score": f"{_draw('score', 1000)} / 1000.0",
        "model_version": "i % 5 + 1",
        "degraded": "[]::VARCHAR[]",
        "mode": f"CASE WHEN {_draw('mode', 2)} = 0 THEN 'online' ELSE 'batch' END",
        DAY: f"CAST(d.{stream.event_time} - to_seconds({lead}) AS DATE)",
    }
    schema = prediction_schema(system)
    chosen = ", ".join(f"{columns.get(name, 'NULL')} AS {name}" for name in schema.names)
    number = f"i * {crowd.events} // {crowd.predictions}"
    sql = f"SELECT {chosen} FROM range({span.start}, {span.stop}) r(i) JOIN d ON d.number = {number} ORDER BY i"
    return duckdb.run(sql, {"d": decisions}).cast(schema)


def _draw(what: str, below: int) -> str:
    """SQL for a whole number from 0 on, another one for each *i* and purpose."""
    return f"(hash(i, '{what}') % {below})"


def _value(name: str, column: ColumnSpec) -> str:
    if column.values:
        return f"{list(column.values)}[1 + {_draw(name, len(column.values))}::BIGINT]"
    kinds = {
        "string": f"'{name}' || {_draw(name, ENTITIES)}",
        "boolean": f"{_draw(name, 4)} = 0",
        "timestamp": "event",
        "integer": f"{_draw(name, ENTITIES)}::BIGINT",
        "double": f"{_draw(name, 1000)} / 10.0",
    }
    return kinds[column.type]
