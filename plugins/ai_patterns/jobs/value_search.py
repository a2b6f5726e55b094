"""When a group's log last held exactly the values that were served."""

from __future__ import annotations

import pyarrow as pa

from ai_patterns.core.cells import INTEGER, NUMBER, Array, Cells
from ai_patterns.core.parity import Vectors
from ai_patterns.engines import duckdb
from ai_patterns.jobs.recomputation import NUMBER as ROW
from ai_patterns.jobs.recomputation import Recomputation
from ai_patterns.spec.features import column_name


def last_instants(work: Recomputation, served: Vectors, group: str) -> pa.ChunkedArray | None:
    """For each vector, the last instant before its decision at which the group's numbers were the served ones.

    Args:
        work: the vectors; its relations hold the value logs.
        served: the served features of the same vectors.
        group: a group.

    Returns:
        Instants, UTC, null where the log never held these values; None where none of its numbers were served.
    """
    features = {name: column_name(group, name) for name in work.system.groups[group].features}
    numbers = {name: _numbers(served[column]) for name, column in features.items() if column in served}
    numbers = {name: values for name, values in numbers.items() if values is not None}
    if not numbers:
        return None
    keys = work.system.key_of(group)
    rows = work.rows.select([*keys, "decided_at"]).append_column(ROW, pa.array(range(work.rows.num_rows)))
    for name, values in numbers.items():
        rows = rows.append_column(f"served_{name}", values)
    partition = f"PARTITION BY {', '.join(keys)} " if keys else ""
    same = [f"v.{key} = s.{key}" for key in keys]
    same += [f"v.{name} IS NOT DISTINCT FROM s.served_{name}" for name in numbers]
    sql = f"""
WITH held AS (SELECT *, lead(valid_from) OVER ({partition}ORDER BY valid_from) AS until FROM log),
found AS (
  SELECT s.{ROW}, max(v.until) AS until FROM rows s JOIN held v ON {" AND ".join(same)}
  WHERE v.until <= s.decided_at GROUP BY s.{ROW}
)
SELECT found.until - INTERVAL 1 MICROSECOND AS instant FROM rows LEFT JOIN found USING ({ROW}) ORDER BY {ROW}"""
    return duckdb.run(sql, {"rows": rows, "log": work.relations[f"values_{group}"]})["instant"]


def _numbers(cells: Cells) -> pa.Array | None:
    plain: Array = (cells.kind == NUMBER) | (cells.kind == INTEGER)
    if not plain.any() or not (plain | cells.is_null).all():
        return None
    return pa.array(cells.number, pa.float64(), mask=~plain)
