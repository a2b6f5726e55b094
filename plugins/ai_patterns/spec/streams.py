"""Streams of events and dimension tables: the typed tables of a system's lake."""

from __future__ import annotations

import datetime as dt
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ai_patterns.spec.base import Name, Part, Topic, refuse
from ai_patterns.spec.durations import Duration

ColumnType = Literal["string", "integer", "double", "boolean", "timestamp"]


class ColumnSpec(Part):
    """One column: its type and what a row must obey to be let in.

    Attributes:
        type: `timestamp` is an instant in UTC with microseconds.
        nullable: whether a row without a value is let in.
        min: smallest value let in.
        max: largest value let in.
        values: the only values let in.
        pattern: regular expression that a whole string must match.
        max_null_share: share of nulls (0 to 1) of a partition above which nothing is published.
    """

    type: ColumnType
    nullable: bool = False
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] | None = None
    pattern: str | None = None
    max_null_share: float | None = Field(default=None, ge=0, le=1)


def _expand(columns: object) -> object:
    if not isinstance(columns, dict):
        return columns
    return {name: _short_form(column) if isinstance(column, str) else column for name, column in columns.items()}


def _short_form(text: str) -> dict[str, object]:
    """`string?` is short for a nullable string."""
    return {"type": text.removesuffix("?"), "nullable": text.endswith("?")}


class TableSpec(Part):
    """What a stream and a dimension have in common: SQL over the sources, a key, a schema."""

    sql: str
    key: tuple[Name, ...] = Field(min_length=1)
    columns: dict[Name, ColumnSpec]

    _short_columns = field_validator("columns", mode="before")(_expand)

    @model_validator(mode="after")
    def _key_exists(self) -> Self:
        for name in self.key:
            _require_column(name, self.columns, "key")
        return self


class DimensionSpec(TableSpec):
    """A small table that is replaced as a whole."""


class StreamSpec(TableSpec):
    """A stream of events, partitioned by the UTC day on which each became known.

    Attributes:
        key: the columns that identify an event.
        event_time: the column that tells when it happened.
        known_time: the column that tells when it could first be read.
        max_quarantine_share: share of bad rows of a day above which that day is not published.
        suite: a Great Expectations suite file (JSON) beside the generated one, relative to the system's folder.
        topic: the Kafka topic that carries the stream's events as they happen, one JSON object a message.
        lateness: an event that arrives later than this after it became known waits for the batch layer.
    """

    event_time: Name
    known_time: Name
    max_quarantine_share: float = Field(default=0.05, ge=0, le=1)
    min_rows: int = Field(default=0, ge=0)
    suite: str | None = None
    topic: Topic | None = None
    lateness: Duration = dt.timedelta(days=1)

    @model_validator(mode="after")
    def _times_exist(self) -> Self:
        for role in ("event_time", "known_time"):
            name = getattr(self, role)
            _require_column(name, self.columns, role)
            if self.columns[name].type != "timestamp":
                raise refuse(f"{role} {name!r} must be of type timestamp", role)
        return self


def _require_column(name: str, columns: dict[str, ColumnSpec], role: str) -> None:
    if name not in columns:
        raise PydanticCustomError(
            "absent_name",
            "{role} names the absent column {name}",
            {"role": role, "name": repr(name), "bad": name, "names": sorted(columns), "within": (role,)},
        )
