"""Typed rows: the decision's inputs, exactly, or a complaint that names the field."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)
from typing_extensions import TypedDict

from ai_patterns.services.inference.requests import Record, RequestError
from ai_patterns.spec.streams import ColumnSpec, ColumnType
from ai_patterns.spec.system import SystemSpec

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def parse_instant(value: object) -> dt.datetime:
    """Read an ISO 8601 instant with its offset from UTC.

    Raises:
        ValueError: it is something else.

    >>> parse_instant("2013-04-01T10:00:00-04:00").isoformat()
    '2013-04-01T14:00:00+00:00'
    """
    if not isinstance(value, str | dt.datetime):
        raise ValueError("an instant is a string such as 2013-04-01T14:00:00Z")
    instant = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC, such as 2013-04-01T14:00:00Z")
    return instant.astimezone(dt.UTC)


_TYPES: dict[ColumnType, Any] = {
    "string": StrictStr,
    "integer": Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)],
    "double": Annotated[float, Field(strict=True, allow_inf_nan=False)],
    "boolean": StrictBool,
    "timestamp": Annotated[dt.datetime, BeforeValidator(parse_instant)],
}


class RowParser:
    """Reads the inputs of a system's decision.

    Every input must be there; a nullable one may be null. Anything else is refused.
    """

    def __init__(self, system: SystemSpec) -> None:
        columns = system.decision_stream.columns
        self._columns = {name: columns[name] for name in system.decision.inputs}
        fields = {name: _annotation(column) for name, column in self._columns.items()}
        make: Any = TypedDict  # a function of the spec's fields: nothing that mypy could follow
        row = make("Row", fields)
        row.__pydantic_config__ = ConfigDict(extra="forbid")
        self._rows: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(list[row])  # type: ignore[valid-type]  # made here

    def parse(self, records: Sequence[Record]) -> dict[str, list[Any]]:
        """The rows as columns of the inputs.

        Raises:
            RequestError: status 422, with one detail for each missing, wrong or unknown field.
        """
        try:
            rows = self._rows.validate_python(records)
        except ValidationError as error:
            details = [self._detail(item) for item in error.errors(include_url=False, include_context=False)]
            first = details[0]
            raise RequestError(f"{first['loc'][-1]}: {first['msg']}", status=422, details=details) from None
        return {name: [row[name] for row in rows] for name in self._columns}

    def from_text(self, records: Sequence[Record]) -> list[Record]:
        """Give the texts of a CSV file the types of the inputs; what does not fit is left for `parse` to refuse."""
        return [{name: self._typed(name, value) for name, value in record.items()} for record in records]

    def _typed(self, name: str, value: Any) -> Any:
        kind = self._columns[name].type if name in self._columns else "string"
        try:
            if kind == "integer":
                return int(value)
            if kind == "double":
                return float(value)
        except (TypeError, ValueError):
            return value
        return _TRUTH.get(str(value).lower(), value) if kind == "boolean" else value

    def _detail(self, error: Any) -> dict[str, Any]:
        field = str(error["loc"][-1])
        message = str(error["msg"])
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(field, self._columns, n=1)
            message = f"there is no input {field!r}." + (f" Did you mean {near[0]!r}?" if near else "")
        return {"loc": ["body", *error["loc"]], "msg": message, "type": error["type"]}


def parse_decided_at(value: object, rows: int, now: dt.datetime) -> list[dt.datetime]:
    """When each row is decided: `now`, one instant for all, or one a row.

    Raises:
        RequestError: status 422.
    """
    values = value if isinstance(value, list) else [value] * rows
    if len(values) != rows:
        raise RequestError(f"decided_at holds {len(values)} instants for {rows} rows", status=422)
    try:
        return [now if item is None else parse_instant(item) for item in values]
    except ValueError as error:
        detail = {"loc": ["body", "decided_at"], "msg": str(error), "type": "value_error"}
        raise RequestError(f"decided_at: {error}", status=422, details=[detail]) from None


def _annotation(column: ColumnSpec) -> Any:
    kind = _TYPES[column.type]
    return kind | None if column.nullable else kind
