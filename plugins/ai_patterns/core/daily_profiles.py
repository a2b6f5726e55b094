"""Profiles of features: small histograms, one a day and feature, that merge by addition."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

Rows: TypeAlias = pa.Table | ds.Dataset
"""What DuckDB can scan: a table, or a dataset of the lake."""

FREQUENT = 8
"""Values of a numeric feature that one day's profile keeps with their counts."""


@dataclass(frozen=True)
class Profile:
    """What is kept of one feature's values.

    Attributes:
        rows: number of rows, with and without a value.
        missing: rows without a value (null or NaN).
        edges: inner bin edges of a numeric feature, ascending; bin *i* is `(edges[i-1], edges[i]]`.
        bins: `len(edges) + 1` counts; none for a categorical feature.
        counts: each category's count; of a numeric feature each day's most frequent values, so that a
            count here is a lower bound.
        minimum: smallest number.
        maximum: largest number.
    """

    rows: int = 0
    missing: int = 0
    edges: tuple[float, ...] = ()
    bins: tuple[int, ...] = ()
    counts: Mapping[Any, int] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None

    @property
    def numeric(self) -> bool:
        """Whether it describes numbers."""
        return bool(self.bins)

    @property
    def missing_share(self) -> float:
        """Share of rows without a value, 0 to 1."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def frequent_share(self) -> float:
        """Share of rows that hold the most frequent value."""
        return max(self.counts.values(), default=0) / self.rows if self.rows else 0.0

    def __add__(self, other: Profile) -> Profile:
        """The profile of both sets of rows.

        >>> both = Profile(2, 1, counts={"a": 1}) + Profile(3, 0, counts={"a": 2, "b": 1})
        >>> both.rows, both.missing, dict(both.counts)
        (5, 1, {'a': 3, 'b': 1})
        """
        if self.bins and other.bins and self.edges != other.edges:
            raise ValueError("only profiles with the same bin edges can be merged")
        pairs = zip(self.bins, other.bins, strict=True) if self.bins and other.bins else ()
        return Profile(
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            edges=self.edges or other.edges,
            bins=tuple(a + b for a, b in pairs) or self.bins or other.bins,
            counts=dict(Counter(self.counts) + Counter(other.counts)),
            minimum=min((x for x in (self.minimum, other.minimum) if x is not None), default=None),
            maximum=max((x for x in (self.maximum, other.maximum) if x is not None), default=None),
        )


def merge(profiles: Iterable[Profile]) -> Profile:
    """The profile of all rows together."""
    return sum(profiles, Profile())


def reference_edges(rows: Rows, numeric: Sequence[str], bins: int = 10) -> dict[str, tuple[float, ...]]:
    """Inner edges of `bins` bins of equal weight for each numeric column; equal quantiles fall together."""
    if not numeric:
        return {}
    quantiles = [round(number / bins, 9) for number in range(1, bins)]
    columns = ", ".join(f"quantile_disc({_number(name)}, {quantiles}) AS {_quoted(name)}" for name in numeric)
    found = _query(f"SELECT {columns} FROM profiled", rows)[0]  # noqa: S608 - names are quoted
    return {name: tuple(float(edge) for edge in np.unique(found[name] or [0.0])) for name in numeric}


def profile_days(
    rows: Rows, edges: Mapping[str, Sequence[float]], categorical: Sequence[str] = ()
) -> dict[dt.date, dict[str, Profile]]:
    """Profile each feature on each day in one pass.

    Args:
        rows: has the column `day`, the numeric columns of `edges` and the categorical ones.
        edges: inner bin edges of each numeric column, as `reference_edges` finds them.
        categorical: columns that hold categories.
    """
    columns = [f"{_numeric_profile(name, inner)} AS {_quoted(name)}" for name, inner in edges.items()]
    columns += [f"{_categorical_profile(name)} AS {_quoted(name)}" for name in categorical]
    sql = f"SELECT day, {', '.join(columns)} FROM profiled GROUP BY day ORDER BY day"  # noqa: S608 - names are quoted
    names = [*edges, *categorical]
    return {row["day"]: {name: _read(row[name], edges.get(name)) for name in names} for row in _query(sql, rows)}


def _numeric_profile(name: str, edges: Sequence[float]) -> str:
    value = _number(name)
    frequent = f"list_transform(map_entries(histogram({value})), lambda e: {{'n': e.value, 'v': e.key}})"
    return (
        f"{{'rows': count(*), 'missing': count(*) - count({value}), 'low': min({value}), 'high': max({value}), "
        f"'top': list_sort({frequent}, 'DESC')[:{FREQUENT}], "
        f"'bins': map_entries(histogram({value}, {[float(edge) for edge in edges]}))}}"
    )


def _categorical_profile(name: str) -> str:
    value = f"CAST({_quoted(name)} AS VARCHAR)"
    return f"{{'rows': count(*), 'missing': count(*) - count({value}), 'counts': map_entries(histogram({value}))}}"


def _read(found: Mapping[str, Any], edges: Sequence[float] | None) -> Profile:
    if edges is None:
        counts = {item["key"]: item["value"] for item in found["counts"] or ()}
        return Profile(found["rows"], found["missing"], counts=counts)
    binned = {item["key"]: item["value"] for item in found["bins"] or ()}
    return Profile(
        rows=found["rows"],
        missing=found["missing"],
        edges=tuple(edges),
        bins=tuple(binned.get(edge, 0) for edge in (*edges, float("inf"))),
        counts={item["v"]: item["n"] for item in found["top"] or ()},
        minimum=found["low"],
        maximum=found["high"],
    )


def _query(sql: str, rows: Rows) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.register("profiled", rows)
        found: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return found


def _number(name: str) -> str:
    """The column as a double; NaN counts as missing."""
    value = f"CAST({_quoted(name)} AS DOUBLE)"
    return f"CASE WHEN isnan({value}) THEN NULL ELSE {value} END"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
