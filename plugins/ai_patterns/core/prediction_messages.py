"""Messages of a topic as rows of the `predictions` table: strictly, each bad one with its reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import pyarrow as pa

from ai_patterns.core.message_reasons import Reason, unparsed, unread
from ai_patterns.core.messages import Message, Refused
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.prediction_topic import DAY
from ai_patterns.core.predictions import SHADOW_TABLE, Kind, prediction_columns
from ai_patterns.errors import MissingDependencyError
from ai_patterns.spec.system import SystemSpec

try:
    import msgspec
except ImportError:
    raise MissingDependencyError("msgspec", "kafka") from None

_TYPES: Mapping[Kind, Any] = {
    "string": str,
    "integer": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "double": float | Literal["NaN", "Infinity", "-Infinity"],
    "boolean": bool,
    "timestamp": Annotated[dt.datetime, msgspec.Meta(tz=True)],
    "strings": list[str],
}
_NULLABLE = frozenset(("explored", "holdout", "propensity"))


def decode(system: SystemSpec, table: str, messages: Sequence[Message]) -> tuple[pa.Table, tuple[Refused, ...]]:
    """Read messages strictly: exactly the fields that `core.prediction_topic.encode` writes, each of its type.

    Args:
        system: the system's spec.
        table: where they land; `mode` tells the rows of one table from those of the other.
        messages: a batch of its topic.

    Returns:
        The rows as the table has them, in order of arrival; and the bad messages, each with its reason.
    """
    parse, rows, refused = _decoder(system, table), list[list[Any]](), list[Refused]()
    for index, message in enumerate(messages):
        if message.key is None or not message.value:
            refused.append(Refused(index, unread(message.key, message.value)))
            continue
        try:
            rows.append(parse(message.value))
        except OverflowError:
            refused.append(Refused(index, Reason("type", "", "an instant outside the years 1 to 9999 in UTC")))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            refused.append(Refused(index, unparsed(message.value, error)))
    schema = prediction_schema(system)
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema), tuple(refused)


def _decoder(system: SystemSpec, table: str) -> Callable[[bytes], list[Any]]:
    """Reads a value into the columns of the table, in its order."""
    stream, kinds = system.decision_stream, prediction_columns(system)
    nullable = _NULLABLE | {name for name in stream.key if stream.columns[name].nullable}
    mode: Any = Literal["shadow"] if table == SHADOW_TABLE else Literal["online"]
    types = {name: _TYPES[kind] for name, kind in kinds.items() if name != DAY}
    types |= {"features": msgspec.Raw, "mode": mode}
    # Numbered, since a column may have the name of a Python keyword.
    fields = [
        (f"c{number}", kind | None if name in nullable else kind, msgspec.field(name=name))
        for number, (name, kind) in enumerate(types.items())
    ]
    row = msgspec.defstruct("Prediction", fields, kw_only=True, forbid_unknown_fields=True, gc=False)
    read, places = msgspec.json.Decoder(row), {name: f"c{number}" for number, name in enumerate(types)}

    def parse(value: bytes) -> list[Any]:
        found = read.decode(value)
        values = {name: getattr(found, place) for name, place in places.items()}
        values["features"] = _object(values["features"])
        values[DAY] = values["decided_at"].astimezone(dt.UTC).date()
        return [_read(kind, values[name]) for name, kind in kinds.items()]

    return parse


def _object(features: msgspec.Raw) -> str:
    text = bytes(features).decode()
    if not text.startswith("{"):
        raise msgspec.ValidationError("Expected `object` - at `$.features`")
    return text


def _read(kind: Kind, value: Any) -> Any:
    if kind == "timestamp" and value is not None:
        return value.astimezone(dt.UTC)
    return float(value) if kind == "double" and value is not None else value
