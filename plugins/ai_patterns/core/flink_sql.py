"""The tiles of a group as a Flink SQL job: from the stream's Kafka topic to a topic of upserts, one key a tile.

The job does to events as they arrive what `core.tiles.tiles_sql` does to those in the lake, and its tiles are equal
to the bit. An event that comes late, however late, is counted in its tile and the tile is written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ai_patterns.core.flink_rules import acceptance
from ai_patterns.core.flink_types import (
    SINK_TYPES,
    SOURCE_TYPES,
    decode_newest,
    encode_newest,
    instant,
    literal,
    options,
    quote,
)
from ai_patterns.core.tiles import SUMMED, last_columns, microseconds, one_zero, round_down
from ai_patterns.errors import SpecError
from ai_patterns.spec.features import AggregationSpec, GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

DELIVERY = timedelta(days=1)
"""How long after the longest window a record may still be delivered, or delivered twice."""

_CHECKPOINTED = {"sink.delivery-guarantee": "exactly-once", "properties.transaction.timeout.ms": "600000"}
_PROPERTIES = {
    "table.local-time-zone": "UTC",
    "table.exec.mini-batch.enabled": "true",  # of many events of a tile that come together, one upsert
    "table.exec.mini-batch.allow-latency": "500 ms",
    "table.exec.mini-batch.size": "5000",
}


@dataclass(frozen=True)
class FlinkJob:
    """What is submitted as one job.

    Attributes:
        name: by which the running job is found again.
        tables: statements that declare what the job reads and writes.
        insert: the statement that runs for ever.
        properties: Flink's settings for it.
    """

    name: str
    tables: tuple[str, ...]
    insert: str
    properties: Mapping[str, str]


def tiles_topic(system: str, group: str) -> str:
    """Name of the topic that a group's tiles go to, and of the job that writes them.

    >>> tiles_topic("flights", "origin_now")
    'flights.tiles.origin_now'
    """
    return f"{system}.tiles.{group}"


def tiles_job(system: SystemSpec, group_name: str, kafka: Mapping[str, str]) -> FlinkJob:
    """The job that keeps a group's tiles up to date.

    A tile's record holds the columns of `tiles_sql` but the day, `newest` as an object; its key holds the group's key,
    `tile_end` and `known_tile`. Messages that break the rules of their columns count nowhere; of good ones with equal
    keys the first to arrive counts.

    Args:
        system: the system's spec.
        group_name: one of its groups.
        kafka: settings of Kafka's Java client, `bootstrap.servers` among them.

    Raises:
        SpecError: the group's stream has no topic, or a key that has no exact form.
    """
    group = system.groups[group_name]
    stream = system.streams[group.stream]
    if stream.topic is None:
        raise SpecError("a Flink job reads the stream's Kafka topic: name one", field=f"streams.{group.stream}.topic")
    if any(stream.columns[name].type == "double" for name in stream.key):
        raise SpecError("a Flink job tells events apart by strings and integers", field=f"streams.{group.stream}.key")
    name = tiles_topic(system.name, group_name)
    state = microseconds(group.max_window + DELIVERY) // 1000
    return FlinkJob(
        name,
        (_source(stream, name, kafka), _sink(group, stream, name, kafka)),
        f"INSERT INTO tiles {tiles_query(group, stream)}",
        {**_PROPERTIES, "pipeline.name": name, "table.exec.state.ttl": f"{state} ms"},
    )


def _source(stream: StreamSpec, reader: str, kafka: Mapping[str, str]) -> str:
    columns = [f"{quote(name)} {SOURCE_TYPES[column.type]}" for name, column in stream.columns.items()]
    told = {
        "connector": "kafka",
        "topic": str(stream.topic),
        "properties.group.id": reader,  # for whoever watches the lag: the job goes on from its own checkpoint
        "properties.isolation.level": "read_committed",
        "scan.startup.mode": "earliest-offset",
        "format": "json",
        "json.ignore-parse-errors": "true",  # what is unreadable becomes NULL, and falls to the rules
    }
    return f"CREATE TEMPORARY TABLE events ({', '.join(columns)}, `arrived` AS PROCTIME()) {_with(told, kafka)}"


def _sink(group: GroupSpec, stream: StreamSpec, topic: str, kafka: Mapping[str, str]) -> str:
    key = [*group.key, "tile_end", "known_tile"]
    columns = [f"{quote(name)} {SINK_TYPES[stream.columns[name].type]}" for name in group.key]
    columns += ["`tile_end` BIGINT", "`known_tile` BIGINT", "`events` BIGINT"]
    for name, item in group.aggregations.items():
        if item.function in SUMMED:
            columns += [f"{quote(f'{name}_sum')} BIGINT", f"{quote(f'{name}_n')} BIGINT"]
        elif item.function in ("min", "max"):
            columns.append(f"{quote(f'{name}_{item.function}')} DOUBLE")
    if last_columns(group):
        order, values = newest_types(group, stream)
        fields = [f"o{number} {SINK_TYPES[kind]}" for number, kind in enumerate(order)]
        fields += [f"v{number} {SINK_TYPES[kind]}" for number, kind in enumerate(values)]
        columns.append(f"`newest` ROW<{', '.join(fields)}>")
    told = {"connector": "upsert-kafka", "topic": topic, "key.format": "json", "value.format": "json"}
    told |= {**_CHECKPOINTED, "sink.transactional-id-prefix": topic}
    primary = f"PRIMARY KEY ({', '.join(map(quote, key))}) NOT ENFORCED"
    return f"CREATE TEMPORARY TABLE tiles ({', '.join([*columns, primary])}) {_with(told, kafka)}"


def _with(told: Mapping[str, str], kafka: Mapping[str, str]) -> str:
    return options({**told, **{f"properties.{name}": value for name, value in kafka.items()}})


def newest_types(group: GroupSpec, stream: StreamSpec) -> tuple[list[str], list[str]]:
    """Column types of the order and of the values in `newest`."""
    order: list[str] = ["timestamp", "timestamp", *(stream.columns[name].type for name in stream.key)]
    return order, [stream.columns[name].type for name in last_columns(group)]


def tiles_query(group: GroupSpec, stream: StreamSpec) -> str:
    """The query over the table `events`."""
    keys = ", ".join([*map(quote, group.key), "tile_end", "known_tile"])
    merged = ["COUNT(*) AS events"]
    for name, item in group.aggregations.items():
        if item.function in SUMMED:
            merged += [f"SUM({quote(f'{name}_{part}')}) AS {quote(f'{name}_{part}')}" for part in ("sum", "n")]
        elif item.function in ("min", "max"):
            column = quote(f"{name}_{item.function}")
            merged.append(f"{item.function.upper()}({column}) AS {column}")
    newest = ["MAX(newest) AS newest"] if last_columns(group) else []
    grouped = f"FROM ({_contributions(group, stream)}) GROUP BY {keys}"
    aggregated = f"SELECT {', '.join([keys, *merged, *newest])} {grouped}"
    if not newest:
        return aggregated
    names = ", ".join([keys, *(column.rpartition(" AS ")[2] for column in merged)])
    return f"SELECT {names}, {decode_newest('newest', *newest_types(group, stream))} FROM ({aggregated})"


def _contributions(group: GroupSpec, stream: StreamSpec) -> str:
    hop = microseconds(group.hop)
    columns = [
        *map(quote, group.key),
        f"{round_down(f'event_us + {hop - 1}', hop)} AS tile_end",
        f"{round_down('known_us', hop)} AS known_tile",
    ]
    for name, item in group.aggregations.items():
        column = quote(str(item.column))
        if item.function in SUMMED:
            columns.append(f"{_scaled(item, stream)} AS {quote(f'{name}_sum')}")
            columns.append(f"CASE WHEN {column} IS NULL THEN CAST(0 AS BIGINT) ELSE 1 END AS {quote(f'{name}_n')}")
        elif item.function in ("min", "max"):
            columns.append(f"{one_zero(column)} AS {quote(f'{name}_{item.function}')}")
    if last_columns(group):
        expressions = ["event_us", "known_us", *map(quote, (*stream.key, *last_columns(group)))]
        columns.append(f"{encode_newest(expressions, *newest_types(group, stream))} AS newest")
    return f"SELECT {', '.join(columns)} FROM ({_once(group, stream)})"


def _once(group: GroupSpec, stream: StreamSpec) -> str:
    """Each event once; keeping the first to arrive, Flink has nothing to take back.

    Instants are read below the deduplication, past which the planner carries no expression: above it they would be
    copied into every place that names them.
    """
    used = dict.fromkeys([*stream.key, *group.key, *(str(item.column) for item in group.aggregations.values())])
    columns = [_value(name, stream) for name in used if name in stream.columns]
    times = f"{instant(quote(stream.event_time))} AS event_us, {instant(quote(stream.known_time))} AS known_us"
    present = [f"{quote(name)} IS NOT NULL" for name in group.key]
    return (
        f"SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY {', '.join(map(quote, stream.key))} "
        f"ORDER BY arrived) AS nth FROM (SELECT {', '.join([*columns, times])}, arrived FROM events "
        f"WHERE {acceptance(stream)})) WHERE {' AND '.join(['nth = 1', *present])}"
    )


def _value(name: str, stream: StreamSpec) -> str:
    """A column as an event brings it, an instant in microseconds."""
    if stream.columns[name].type != "timestamp":
        return quote(name)
    return f"{instant(quote(name))} AS {quote(name)}"


def _scaled(item: AggregationSpec, stream: StreamSpec) -> str:
    """The value as an exact integer; both engines round halves away from zero."""
    column = quote(str(item.column))
    kind = stream.columns[str(item.column)].type
    if kind == "boolean":
        value = f"CASE WHEN {column} THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END"
    elif kind == "integer":
        value = f"{column} * CAST({literal(str(item.scale))} AS BIGINT)"
    else:
        value = f"CAST(ROUND({column} * CAST({literal(str(item.scale))} AS DOUBLE), 0) AS BIGINT)"
    return f"COALESCE({value}, CAST(0 AS BIGINT))"
