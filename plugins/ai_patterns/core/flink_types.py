"""Types and texts of Flink SQL: quoting, instants, and an order over several columns in one string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ai_patterns.core.tiles import one_zero

SOURCE_TYPES = {
    "string": "STRING",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "STRING",  # see `instant`
}
SINK_TYPES = {**SOURCE_TYPES, "timestamp": "BIGINT"}

_INSTANT = (
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?"
    "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
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
    """SQL for the microseconds since 1970 of an RFC 3339 instant with zero to six decimals; NULL for any other text.

    The day is counted from the date's text and the rest added, since Flink's own extraction rounds instants before
    1970 towards zero, and its JSON format reads no offset but `Z`.
    """
    form = literal(_INSTANT)
    days = f"TIMESTAMPDIFF(DAY, DATE '1970-01-01', TRY_CAST(SUBSTRING({text} FROM 1 FOR 10) AS DATE))"
    decimals = f"RPAD(COALESCE(REGEXP_EXTRACT({text}, '[.]([0-9]+)', 1), ''), 6, '0')"
    sign = f"CASE WHEN SUBSTRING(RIGHT({text}, 6) FROM 1 FOR 1) = '-' THEN 1 ELSE -1 END"
    parts = [
        f"CAST({days} AS BIGINT) * 86400000000",
        f"{_number(text, 12)} * 3600000000",
        f"{_number(text, 15)} * 60000000",
        f"{_number(text, 18)} * 1000000",
        f"CAST({decimals} AS BIGINT)",
        f"CASE WHEN RIGHT({text}, 1) = 'Z' THEN CAST(0 AS BIGINT) ELSE {sign} * "
        f"({_number(f'RIGHT({text}, 5)', 1)} * 60 + {_number(f'RIGHT({text}, 5)', 4)}) * 60000000 END",
    ]
    return f"CASE WHEN REGEXP({text}, {form}) THEN {' + '.join(parts)} END"


def _number(text: str, place: int) -> str:
    return f"CAST(SUBSTRING({text} FROM {place} FOR 2) AS BIGINT)"


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
    if kind == "double":
        return f"CAST({one_zero(expression)} AS STRING)"  # DuckDB's max of a row knows one zero as well
    return f"HEX({expression})" if kind == "string" else f"CAST({expression} AS STRING)"


def _carried_back(text: str, kind: str) -> str:
    if kind == "string":
        return f"DECODE(UNHEX({text}), 'UTF-8')"
    return f"CAST({text} AS {SINK_TYPES[kind]})"
