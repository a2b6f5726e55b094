"""On-demand features under the usual faults of time zones, units and types."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.core.cells import Array
from ai_patterns.core.parity import Alternative, Cause
from ai_patterns.jobs.recomputation import Recomputation
from ai_patterns.spec.expressions import parse_expression

_MICROSECOND = 1_000_000
Change = Callable[[pa.ChunkedArray], pa.ChunkedArray]


def expression_faults(part: Recomputation, rows: Array) -> Iterator[Alternative]:
    """Alternatives for the on-demand features, each of which stands for itself.

    `type`: stored numbers in float32, stored instants taken for seconds or milliseconds. `time_zone`: another zone
    in the expressions (UTC, or one of the zone's two offsets all year), inputs or stored instants moved by an offset.
    """
    stored = [name for name in part.system.feature_columns if name in part.stored.column_names]
    inputs = list(part.system.decision.inputs)
    instants = pa.types.is_timestamp
    yield from _changed(part, rows, "type", stored, pa.types.is_float64, _in_float32)
    for unit in (_MICROSECOND, 1000):
        yield from _changed(part, rows, "type", stored, instants, partial(_divided, by=unit))
    for expressions in _other_zones(part):
        yield from _alternative(part, rows, "time_zone", part.stored, expressions)
    for shift in [sign * offset for offset in offsets_of(part) for sign in (1, -1)]:
        for columns in (inputs, stored):
            yield from _changed(part, rows, "time_zone", columns, instants, partial(_moved, by=shift))


def zones_of(part: Recomputation) -> list[str]:
    """The time zones that the system's expressions name."""
    trees = [ast.walk(parse_expression(text)) for text in part.system.on_demand.values()]
    texts = {str(node.value) for tree in trees for node in tree if isinstance(node, ast.Constant)}
    return sorted(texts & available_timezones())


def offsets_of(part: Recomputation) -> list[int]:
    """Microseconds by which the system's zones differ from UTC, in winter and in summer; without 0."""
    year = part.rows["decided_at"][0].as_py().year
    noons = [dt.datetime(year, month, 1, 12, tzinfo=dt.UTC) for month in (1, 7)]
    found = {noon.astimezone(ZoneInfo(zone)).utcoffset() for zone in zones_of(part) for noon in noons}
    return sorted(int(offset.total_seconds()) * _MICROSECOND for offset in found if offset)


def _other_zones(part: Recomputation) -> Iterator[Mapping[str, str]]:
    others = ["UTC", *(_fixed(offset) for offset in offsets_of(part))]
    for zone in zones_of(part):
        for other in others:
            yield {
                name: text.replace(f"'{zone}'", f"'{other}'").replace(f'"{zone}"', f"'{other}'")
                for name, text in part.system.on_demand.items()
            }


def _fixed(offset: int) -> str:
    """An offset as Arrow names it, such as `-05:00`."""
    minutes = abs(offset) // _MICROSECOND // 60
    return f"{'-' if offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _changed(
    part: Recomputation,
    rows: Array,
    cause: Cause,
    columns: list[str],
    fits: Callable[[pa.DataType], bool],
    change: Change,
) -> Iterator[Alternative]:
    table = part.stored
    for index, name in enumerate(table.column_names):
        if name in columns and fits(table.schema.field(index).type):
            table = table.set_column(index, name, change(table[name]))
    yield from _alternative(part, rows, cause, table, part.system.on_demand)


def _alternative(
    part: Recomputation, rows: Array, cause: Cause, stored: pa.Table, on_demand: Mapping[str, str]
) -> Iterator[Alternative]:
    names = [name for name in part.features if name in part.system.on_demand]
    if names:
        yield Alternative(cause, part.vectors(stored, names, on_demand), rows)


def _in_float32(column: pa.ChunkedArray) -> pa.ChunkedArray:
    with np.errstate(over="ignore"):
        return column.cast(pa.float32(), safe=False).cast(pa.float64())


def _divided(column: pa.ChunkedArray, by: int) -> pa.ChunkedArray:
    return pc.divide(column.cast(pa.int64()), by).cast(column.type)


def _moved(column: pa.ChunkedArray, by: int) -> pa.ChunkedArray:
    return pc.add(column.cast(pa.int64()), by).cast(column.type)
