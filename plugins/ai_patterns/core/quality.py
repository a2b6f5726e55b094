"""What rows and partitions must obey, generated from a stream's spec, and the splitting of good from bad."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ai_patterns.spec.streams import ColumnSpec, StreamSpec

MISTYPED = "_mistyped"
"""Helper column of typed rows: names of the columns whose value could not be cast, null where all could."""

DAY_NUMBER = "_day"
"""Helper column of typed rows: the partition as days since 1970-01-01 (int32)."""

Kind = Literal["type", "not_null", "values", "range", "pattern", "unique"]


@dataclass(frozen=True)
class Expectation:
    """One rule, as plain data.

    Attributes:
        kind: which rule.
        column: the column it is about; for `unique` the key columns, joined by a comma.
        minimum: smallest value let in, for `range`.
        maximum: largest value let in, for `range`.
        values: the only values let in, for `values`.
        pattern: regular expression for a whole string, for `pattern`.
    """

    kind: Kind
    column: str
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str | int | float, ...] = ()
    pattern: str = ""

    @property
    def reason(self) -> str:
        """Why a row that breaks the rule is refused.

        >>> Expectation("range", "humid", minimum=0, maximum=100).reason
        'outside 0 to 100'
        """
        reasons = {
            "type": "wrong type",
            "not_null": "no value",
            "values": f"not one of {', '.join(map(str, self.values))}",
            "range": f"outside {_bound(self.minimum)} to {_bound(self.maximum)}",
            "pattern": f"does not match {self.pattern}",
            "unique": "duplicate key",
        }
        return reasons[self.kind]


@dataclass(frozen=True)
class Refusal:
    """Why a row is bad: the first rule that it breaks."""

    column: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """One rule about a partition, checked.

    Attributes:
        day: the UTC day.
        expectation: `rows`, `quarantine_share`, `null_share`, `column_exists`, or a rule of the user's suite.
        column: the column it is about, empty for the whole partition.
        value: what was found.
        bound: the value beyond which it fails.
        count: rows at fault.
    """

    day: dt.date
    expectation: str
    column: str
    value: float | None
    bound: float | None
    passed: bool
    count: int = 0

    def describe(self, stream: str) -> str:
        """One clause for people.

        >>> Verdict(dt.date(2013, 2, 12), "null_share", "temp", 0.5, 0.3, False, 12).describe("weather")
        'null_share of weather.temp on 2013-02-12 is 0.5, bound 0.3 (12 rows)'
        """
        subject = f"{stream}.{self.column}" if self.column else stream
        found = "failed" if self.value is None else f"is {self.value:.6g}"
        bound = "" if self.bound is None else f", bound {self.bound:.6g}"
        return f"{self.expectation} of {subject} on {self.day} {found}{bound} ({self.count} rows)"


def row_expectations(stream: StreamSpec) -> tuple[Expectation, ...]:
    """Rules for single rows; the earlier one names the reason where a row breaks several.

    >>> spec = StreamSpec(
    ...     sql="a.sql", key=("id",), event_time="seen_at", known_time="seen_at",
    ...     columns={"id": "string", "seen_at": "timestamp", "size": {"type": "double", "min": 0, "nullable": True}},
    ... )
    >>> [(rule.kind, rule.column) for rule in row_expectations(spec)]
    [('type', '_mistyped'), ('not_null', 'id'), ('not_null', 'seen_at'), ('range', 'size'), ('unique', 'id')]
    """
    rules = [Expectation("type", MISTYPED)]
    required = {*stream.key, stream.event_time, stream.known_time}
    for name, column in stream.columns.items():
        if not column.nullable or name in required:
            rules.append(Expectation("not_null", name))
        rules += _value_rules(name, column)
    return (*rules, Expectation("unique", ",".join(stream.key)))


def _value_rules(name: str, column: ColumnSpec) -> list[Expectation]:
    rules = []
    if column.values is not None:
        rules.append(Expectation("values", name, values=tuple(_typed(value, column) for value in column.values)))
    if column.min is not None or column.max is not None:
        rules.append(Expectation("range", name, minimum=column.min, maximum=column.max))
    if column.pattern is not None:
        rules.append(Expectation("pattern", name, pattern=column.pattern))
    return rules


def _typed(value: str, column: ColumnSpec) -> str | int | float:
    if column.type == "integer":
        return int(value)
    return float(value) if column.type == "double" else value


def partition_expectations(stream: StreamSpec) -> tuple[Expectation, ...]:
    """Rules for the measures of a day (see `measure`), all of kind `range`."""
    rules = [
        Expectation("range", "rows", minimum=stream.min_rows),
        Expectation("range", "quarantine_share", maximum=stream.max_quarantine_share),
    ]
    for name, column in stream.columns.items():
        if column.max_null_share is not None:
            rules.append(Expectation("range", f"null_share.{name}", maximum=column.max_null_share))
    return tuple(rules)


def measure(rows: int, bad: int, nulls: Mapping[str, int]) -> dict[str, float]:
    """Measures of a day: its rows, the share of bad ones, the share of nulls of each column.

    >>> measure(4, 1, {"temp": 2})
    {'rows': 4.0, 'quarantine_share': 0.25, 'null_share.temp': 0.5}
    """
    shares = {f"null_share.{name}": count / max(rows, 1) for name, count in nulls.items()}
    return {"rows": float(rows), "quarantine_share": bad / max(rows, 1), **shares}


def refuse(
    failures: Iterable[tuple[Expectation, Sequence[int]]],
    mistyped: Mapping[int, str],
    keys: Mapping[int, tuple[object, ...]],
) -> dict[int, Refusal]:
    """Name each bad row, counted from 0, and its reason.

    Args:
        failures: rules in order, each with the rows that break it.
        mistyped: columns at fault in the rows that break the `type` rule.
        keys: day and key of the rows that break the `unique` rule; the first row of a key that is good
            otherwise stays, so rows must be in a fixed order.

    >>> unique, range_ = Expectation("unique", "id"), Expectation("range", "x", maximum=1)
    >>> refuse([(range_, [0]), (unique, [0, 1, 2])], {}, {0: ("a",), 1: ("a",), 2: ("a",)})[2]
    Refusal(column='id', reason='duplicate key')
    """
    refusals: dict[int, Refusal] = {}
    repeated: tuple[Expectation, Sequence[int]] | None = None
    for rule, rows in failures:
        if rule.kind == "unique":
            repeated = rule, rows
            continue
        for row in rows:
            column = mistyped[row] if rule.kind == "type" else rule.column
            refusals.setdefault(row, Refusal(column, rule.reason))
    if repeated is not None:
        _refuse_repeated(*repeated, keys, refusals)
    return refusals


def _refuse_repeated(
    rule: Expectation, rows: Sequence[int], keys: Mapping[int, tuple[object, ...]], refusals: dict[int, Refusal]
) -> None:
    seen: set[tuple[object, ...]] = set()
    for row in sorted(set(rows) - set(refusals)):
        if keys[row] in seen:
            refusals[row] = Refusal(rule.column, rule.reason)
        seen.add(keys[row])


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"
