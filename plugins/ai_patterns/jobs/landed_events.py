"""A stream's events from what landed of its topic and what was published before, each once."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.messages import row_schema
from ai_patterns.engines import duckdb
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec


def landed_events(
    system: SystemSpec,
    lake: Lake,
    stream: str,
    wanted: ds.Expression,
    offsets: Mapping[int, int] | None = None,
) -> pa.Table:
    """The declared columns and `day` of a stream's events.

    Of messages with one key and day the first counts, since senders may repeat. A published event that never landed,
    such as one of a history that was loaded from files, stays.

    Args:
        system: the system's spec.
        lake: its lake.
        stream: the stream's name.
        wanted: which rows, by their declared columns and `day`.
        offsets: messages at or past these, by partition, do not exist yet; by default all that landed do.

    Raises:
        ServiceUnavailableError: nothing landed and nothing was published yet.
    """
    if not lake.exists(f"events/{stream}"):
        lake.open(f"landed/{stream}")
    spec = system.streams[stream]
    columns = [*spec.columns, DAY]
    landed = _read(lake, f"landed/{stream}", wanted, landed_schema(spec))
    published = _read(lake, f"events/{stream}", wanted, landed_schema(spec)).select(columns)
    key, names = ", ".join([DAY, *spec.key]), ", ".join(columns)
    kept = "true" if offsets is None else _before(offsets)
    first = (
        f"SELECT {names} FROM landed WHERE {kept} "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY topic_partition, topic_offset) = 1"
    )
    others = f"SELECT {names} FROM published ANTI JOIN arrived USING ({key})"
    sql = f"WITH arrived AS ({first}) SELECT * FROM arrived UNION ALL {others}"
    return duckdb.run(sql, {"landed": landed, "published": published})


def landed_schema(stream: StreamSpec) -> pa.Schema:
    """Columns of `landed/<stream>`."""
    return row_schema(stream).append(pa.field(DAY, pa.date32()))


def _before(offsets: Mapping[int, int]) -> str:
    each = [f"(topic_partition = {partition} AND topic_offset < {end})" for partition, end in offsets.items()]
    return f"({' OR '.join(each) or 'false'})"


def _read(lake: Lake, table: str, wanted: ds.Expression, schema: pa.Schema) -> pa.Table:
    if not lake.exists(table):
        return schema.empty_table()
    dataset = lake.dataset(table)
    return dataset.to_table(columns=[name for name in schema.names if name in dataset.schema.names], filter=wanted)
