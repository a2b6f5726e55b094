"""Feature groups: aggregations of a stream over sliding windows, declared once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from ai_patterns.spec.base import Name, Part, refuse
from ai_patterns.spec.durations import Duration, format_duration

Function = Literal["count", "sum", "mean", "rate", "min", "max", "last"]


_SHORT_FORM = re.compile(
    r"(?P<function>\w+)(\((?P<column>\w+)\))?( scale (?P<scale>\d+))? over (?P<windows>\w+(, ?\w+)*)"
)


class AggregationSpec(Part):
    """One aggregation of a group, in full or in short: `mean(delay) scale 100 over 1h, 3h`.

    Attributes:
        function: `rate` is the share of rows whose boolean column is true; `last` is the newest value by
            (event time, known time, key).
        column: the stream's column; `count` needs none.
        scale: sums are exact because values are kept as integers: `round(value * scale)`.
        windows: how far back each feature looks.
    """

    function: Function
    column: Name | None = None
    scale: int = Field(default=1, ge=1)
    windows: tuple[Duration, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        match = _SHORT_FORM.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r} is no aggregation; write it as mean(column) over 1h, 3h")
        parts: dict[str, object] = {name: text for name, text in match.groupdict().items() if text}
        return parts | {"windows": [window.strip() for window in match["windows"].split(",")]}

    @model_validator(mode="after")
    def _column_where_needed(self) -> Self:
        if (self.column is None) != (self.function == "count"):
            raise refuse("count takes no column; every other function takes one", "function")
        return self


class GroupSpec(Part):
    """Features of one entity from one stream.

    The value at time *t* is the aggregate of the events with event time in `(floor(t - window, hop), t]`
    that were known at *t*. With `layer: batch` the right edge is the last hop boundary before *t*:
    the group changes only when a hop closes, and counts what was known before it closed.

    Attributes:
        stream: the stream that is aggregated.
        key: the entity's columns; none for one value over all events.
        hop: the step by which old events leave the windows.
    """

    stream: Name
    key: tuple[Name, ...] = ()
    layer: Literal["batch", "stream"] = "stream"
    hop: Duration
    aggregations: dict[Name, AggregationSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _windows_are_whole_hops(self) -> Self:
        if self.hop <= timedelta(0) or timedelta(days=1) % self.hop:
            raise refuse("hop must divide a day, so that tiles and day partitions share their edges", "hop")
        for name, aggregation in self.aggregations.items():
            for window in aggregation.windows:
                if window <= timedelta(0) or window % self.hop:
                    problem = f"window {format_duration(window)} of {name!r} is not a multiple of the hop"
                    raise refuse(problem, "aggregations", name, "windows")
        return self

    @property
    def max_window(self) -> timedelta:
        """The longest window of the group."""
        return max(window for item in self.aggregations.values() for window in item.windows)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the group's features, `{aggregation}_{window}`, in declared order."""
        return tuple(feature_name(name, window) for name, item in self.aggregations.items() for window in item.windows)


class DimensionGroupSpec(Part):
    """Features read from a dimension table by its key."""

    dimension: Name
    columns: tuple[Name, ...] = Field(min_length=1)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the group's features."""
        return self.columns


def feature_name(aggregation: str, window: timedelta) -> str:
    """Name of one feature within its group.

    >>> feature_name("departures", timedelta(hours=3))
    'departures_3h'
    """
    return f"{aggregation}_{format_duration(window)}"


def column_name(group: str, feature: str) -> str:
    """Name of a feature in a training set, as Feast writes it with full feature names.

    >>> column_name("origin", "departures_3h")
    'origin__departures_3h'
    """
    return f"{group}__{feature}"
