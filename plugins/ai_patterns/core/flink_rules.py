"""What a column's declaration demands of a message, as Flink SQL: a bad message counts in no tile and stops no job."""

from __future__ import annotations

from collections.abc import Iterator

from ai_patterns.core.flink_types import instant, literal, quote
from ai_patterns.spec.streams import ColumnSpec, StreamSpec


def acceptance(stream: StreamSpec) -> str:
    """The condition that a row of the table `events` is let in.

    What landing (`core.messages`) refuses besides is let in here: a field of the wrong type in a nullable column, which
    counts as absent, a field that is not declared, and a known time that lies in the future.
    """
    return " AND ".join(rule for name, column in stream.columns.items() for rule in _rules(name, column)) or "TRUE"


def _rules(name: str, column: ColumnSpec) -> Iterator[str]:
    quoted = quote(name)
    value = instant(quoted) if column.type == "timestamp" else quoted
    absent = f"{quoted} IS NULL OR " if column.nullable else ""
    if not column.nullable or column.type == "timestamp":
        yield f"({absent}{value} IS NOT NULL)"
    if column.min is not None:
        yield f"({absent}CAST({quoted} AS DOUBLE) >= {_double(column.min)})"
    if column.max is not None:
        yield f"({absent}CAST({quoted} AS DOUBLE) <= {_double(column.max)})"
    if column.values is not None:
        yield f"({absent}{quoted} IN ({', '.join(literal(each) for each in column.values)}))"
    if column.pattern is not None:
        whole = rf"\A(?:{column.pattern})\z"
        yield f"({absent}REGEXP({quoted}, {literal(whole)}))"


def _double(bound: float) -> str:
    return f"CAST({literal(repr(float(bound)))} AS DOUBLE)"
