"""Value logs a range of days at a time: what changed within it, and what had held when it began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days
from ai_patterns.engines import duckdb
from ai_patterns.spec.system import SystemSpec


def in_pieces(
    system: SystemSpec, relations: Mapping[str, ds.Dataset], parts: Sequence[Days]
) -> Iterator[dict[str, object]]:
    """The relations of each part: for instants within it they say what the whole logs say.

    Each row of a log is read once or twice, however many parts there are.

    Args:
        system: what declares the groups.
        relations: `values_<group>` for each group, and others, which stay as they are.
        parts: ranges of days in order, each beginning where the last one ended.
    """
    before = {name: pa.schema(relations[f"values_{name}"].schema).empty_table() for name in system.groups}
    reached = ds.field(DAY) < pa.scalar(parts[0].first)
    for part in parts:
        within = (ds.field(DAY) >= pa.scalar(part.first)) & (ds.field(DAY) <= pa.scalar(part.last))
        pieces: dict[str, object] = dict(relations)
        for name in system.groups:
            log = relations[f"values_{name}"]
            before[name] = _newest(system, name, before[name], log.filter(reached))
            pieces[f"values_{name}"] = pa.concat_tables([before[name], log.to_table(filter=within)])
        yield pieces
        reached = within


def _newest(system: SystemSpec, name: str, before: pa.Table, log: ds.Dataset) -> pa.Table:
    """The row of each entity that holds after `log`, with `before` what held ahead of it."""
    keys = ", ".join(system.key_of(name))
    group = f" GROUP BY {keys}" if keys else " HAVING count(*) > 0"
    sql = f"""
SELECT unnest(newest) FROM (
  SELECT max_by(changes, valid_from) AS newest
  FROM (SELECT * FROM before UNION ALL BY NAME SELECT * FROM log) AS changes{group}
)"""
    found = duckdb.run(sql, {"before": before, "log": log})
    return found.select(before.column_names).cast(before.schema)
