"""Types and texts of Flink SQL: quoting, instants, and an order over several columns in one string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SOURCE_TYPES = {
    "string": "STRING",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "STRING",  # Flink's own reading of an ISO instant takes the zone `Z` alone
}
SINK_TYPES = {**SOURCE_TYPES, "timestamp": "BIGINT"}

_BIAS = "CAST('9223372036854775808' AS DECIMAL(20, 0))"


def quote(name: str) -> str:
    """A name, also where it is a word of SQL.

    >>> quote("value")
    '`value`'
    """
    return f"`{name}`"


def literal(text: str) -> str:
    """A string literal.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def options(told: Mapping[str, str]) -> str:
    """The options of a table.

    >>> options({"connector": "kafka"})
    "WITH ('connector' = 'kafka')"
    """
    return f"WITH ({', '.join(f'{literal(name)} = {literal(value)}' for name, value in told.items())})"


def instant(text: str) -> str:
    """SQL for the microseconds since 1970 of an ISO 8601 instant with zero to six decimals; UTC unless it tells.

    The day is counted from the date's text and the rest added, since Flink's own extraction rounds instants before
    1970 towards zero.
    """
    offset = "'([+-][0-9]{2}):?([0-9]{2})$'"
    hours = f"REGEXP_EXTRACT({text}, {offset}, 1)"
    minutes = f"CONCAT(SUBSTRING({hours} FROM 1 FOR 1), REGEXP_EXTRACT({text}, {offset}, 2))"
    decimals = f"RPAD(COALESCE(REGEXP_EXTRACT({text}, '[.]([0-9]{{1,6}})', 1), ''), 6, '0')"
    parts = [
        f"CAST(TIMESTAMPDIFF(DAY, DATE '1970-01-01', CAST(SUBSTRING({text} FROM 1 FOR 10) AS DATE)) AS BIGINT)"
        " * 86400000000",
        f"CAST(SUBSTRING({text} FROM 12 FOR 2) AS BIGINT) * 3600000000",
        f"CAST(SUBSTRING({text} FROM 15 FOR 2) AS BIGINT) * 60000000",
        f"CAST(SUBSTRING({text} FROM 18 FOR 2) AS BIGINT) * 1000000",
        f"CAST({decimals} AS BIGINT)",
    ]
    zone = f"(CAST({hours} AS BIGINT) * 60 + CAST({minutes} AS BIGINT)) * 60000000"
    return f"({' + '.join(parts)} - COALESCE({zone}, 0))"


def encode_newest(expressions: Sequence[str], order: Sequence[str], values: Sequence[str]) -> str:
    """SQL for one string that sorts as `expressions` of the types `order` do, and carries those of types `values`.

    Flink's MAX takes no rows, but text, which it compares byte by byte: integers are shifted to be positive and
    padded, strings become hexadecimal digits, and the comma that ends each part is less than any of these.
    """
    parts = [_ordered(expression, kind) for expression, kind in zip(expressions, order, strict=False)]
    carried = zip(expressions[len(order) :], values, strict=True)
    parts += [f"COALESCE('v' || {_carried(expression, kind)}, '')" for expression, kind in carried]
    return " || ',' || ".join(parts)


def decode_newest(text: str, order: Sequence[str], values: Sequence[str]) -> str:
    """SQL for the row that `encode_newest` made a string of: the order's fields, then the values."""
    fields = [_ordered_back(f"SPLIT_INDEX({text}, ',', {number})", kind) for number, kind in enumerate(order)]
    for number, kind in enumerate(values, start=len(order)):
        part = f"SPLIT_INDEX({text}, ',', {number})"
        fields.append(f"CASE WHEN {part} <> '' THEN {_carried_back(f'SUBSTRING({part} FROM 2)', kind)} END")
    return f"ROW({', '.join(fields)})"


def _ordered(expression: str, kind: str) -> str:
    match kind:
        case "string":
            return f"HEX({expression})"
        case "boolean":
            return f"CASE WHEN {expression} THEN '1' ELSE '0' END"
    return f"LPAD(CAST(CAST({expression} AS DECIMAL(20, 0)) + {_BIAS} AS STRING), 20, '0')"


def _ordered_back(text: str, kind: str) -> str:
    match kind:
        case "string":
            return f"DECODE(UNHEX({text}), 'UTF-8')"
        case "boolean":
            return f"{text} = '1'"
    return f"CAST(CAST({text} AS DECIMAL(20, 0)) - {_BIAS} AS BIGINT)"


def _carried(expression: str, kind: str) -> str:
    return f"HEX({expression})" if kind == "string" else f"CAST({expression} AS STRING)"


def _carried_back(text: str, kind: str) -> str:
    if kind == "string":
        return f"DECODE(UNHEX({text}), 'UTF-8')"
    return f"CAST({text} AS {SINK_TYPES[kind]})"
