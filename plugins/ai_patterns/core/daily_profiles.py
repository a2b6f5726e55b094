"""Profiles of features: counts by day that merge by addition, from one pass over the rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ai_patterns.core.bins import Bins, Floats, Rows, quoted, run

Integers = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)

REACH = 6.0
"""Spreads from the median at which a value counts no further in the products."""
NEWCOMERS = 5
"""Unknown categories of a day and feature that are kept by name."""


@dataclass(frozen=True)
class Profiles:
    """What is kept of each day; every array's first axis is the day.

    Attributes:
        bins: what was counted in; profiles of other bins do not merge.
        days: the days, UTC.
        rows: rows of each day.
        missing: rows without a value (null or NaN), `n_days` by feature.
        counts: values in each bin, `n_days x n_bins` by feature.
        low: smallest number, NaN where there is none, `n_days` by numeric feature.
        high: largest number.
        products: sums of products of scaled numeric features, `n_days x (1 + n_numeric) x (1 + n_numeric)`; the first
            is the constant 1, a missing value is 0.
        newcomers: for each day, names of the most frequent unknown categories by feature.
    """

    bins: Bins
    days: tuple[dt.date, ...]
    rows: Integers
    missing: Mapping[str, Integers]
    counts: Mapping[str, Integers]
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    products: Floats
    newcomers: tuple[Mapping[str, tuple[str, ...]], ...]

    def on(self, days: Sequence[dt.date]) -> Profiles:
        """The profiles of these days in this order; a day without rows is empty."""
        places = {day: place for place, day in enumerate(self.days)}
        return replace(self._take([places.get(day, -1) for day in days]), days=tuple(days))

    def merged(self) -> Profiles:
        """One profile of all rows, on the last day."""
        return Profiles(
            bins=self.bins,
            days=self.days[-1:],
            rows=self.rows.sum(0, keepdims=True),
            missing={name: found.sum(0, keepdims=True) for name, found in self.missing.items()},
            counts={name: found.sum(0, keepdims=True) for name, found in self.counts.items()},
            low={name: np.fmin.reduce(found, keepdims=True) for name, found in self.low.items()},
            high={name: np.fmax.reduce(found, keepdims=True) for name, found in self.high.items()},
            products=self.products.sum(0, keepdims=True),
            newcomers=(_all_of(self.newcomers),),
        )

    def __add__(self, other: Profiles) -> Profiles:
        """The days of both; a day of both holds the rows of both.

        Raises:
            ValueError: they were counted in different bins.
        """
        if self.bins is not other.bins:
            raise ValueError("only profiles that were counted in the same bins can be added")
        days = sorted({*self.days, *other.days})
        ours, theirs = self.on(days), other.on(days)
        return Profiles(
            bins=self.bins,
            days=tuple(days),
            rows=ours.rows + theirs.rows,
            missing={name: found + theirs.missing[name] for name, found in ours.missing.items()},
            counts={name: found + theirs.counts[name] for name, found in ours.counts.items()},
            low={name: np.fmin(found, theirs.low[name]) for name, found in ours.low.items()},
            high={name: np.fmax(found, theirs.high[name]) for name, found in ours.high.items()},
            products=ours.products + theirs.products,
            newcomers=tuple(_all_of(pair) for pair in zip(ours.newcomers, theirs.newcomers, strict=True)),
        )

    def _take(self, places: Sequence[int]) -> Profiles:
        """The days at these places; -1 is an empty one."""
        index = np.asarray(places, dtype=np.int64)

        return replace(
            self,
            rows=_taken(self.rows, index),
            missing={name: _taken(found, index) for name, found in self.missing.items()},
            counts={name: _taken(found, index) for name, found in self.counts.items()},
            low={name: _taken(found, index, np.nan) for name, found in self.low.items()},
            high={name: _taken(found, index, np.nan) for name, found in self.high.items()},
            products=_taken(self.products, index),
            newcomers=tuple(self.newcomers[place] if place >= 0 else {} for place in places),
        )


def _taken(found: NDArray[Number], places: Integers, empty: float = 0) -> NDArray[Number]:
    """Rows at these places; -1 is an empty one."""
    return np.concatenate([found, np.full((1, *found.shape[1:]), empty, found.dtype)])[places]


def profile_days(rows: Rows, bins: Bins) -> Profiles:
    """Profile every feature on each day in one pass.

    Args:
        rows: has the column `day` (date) and the features of `bins`.
        bins: what to count in, as `fit_bins` finds it.
    """
    features = [*(_numeric(name, edges) for name, edges in bins.edges.items())]
    features += [_categorical(name, known) for name, known in bins.categories.items()]
    names = [*bins.edges]
    triangle = [(a, b) for place, a in enumerate(names) for b in (None, *names[: place + 1])]
    products = ", ".join(f"sum({_scaled(a)}{f' * {_scaled(b)}' if b else ''})" for a, b in triangle)
    inner = ", ".join(["day", *(_inner(name, bins) for name in bins.features)])
    columns = ", ".join(["day", "count(*) AS rows", *features, f"[{products}]::DOUBLE[] AS products"])
    sql = f"SELECT {columns} FROM (SELECT {inner} FROM profiled) GROUP BY day ORDER BY day"  # noqa: S608 - names are quoted
    return _read(run(sql, profiled=rows), bins)


def _inner(name: str, bins: Bins) -> str:
    if name in bins.categories:
        return f"nullif(CAST({quoted(name)} AS VARCHAR), '') AS {quoted(name)}"
    value = f"CAST({quoted(name)} AS DOUBLE)"
    number = f"CASE WHEN isnan({value}) THEN NULL ELSE {value} END"
    middle, spread = bins.scales[name]
    scaled = f"greatest(least((({number}) - {middle!r}) / {spread!r}, {REACH}), -{REACH})"
    # Without a value, DuckDB's `least` and `greatest` would give their other argument.
    scaled = f"CASE WHEN ({number}) IS NULL THEN 0 ELSE {scaled} END"
    return f"{number} AS {quoted(name)}, {scaled} AS {_scaled(name)}"


def _scaled(name: str) -> str:
    return quoted(f"{name} scaled")


def _numeric(name: str, edges: Floats) -> str:
    value = quoted(name)
    return (
        f"{{'missing': count(*) - count({value}), 'low': min({value}), 'high': max({value}), "
        f"'bins': histogram({value}, {edges.tolist()})}} AS {value}"
    )


def _categorical(name: str, known: tuple[str, ...]) -> str:
    value = quoted(name)
    listed = "[" + ", ".join("'" + word.replace("'", "''") + "'" for word in known) + "]::VARCHAR[]"
    return (
        f"{{'missing': count(*) - count({value}), 'bins': histogram_exact({value}, {listed}), "
        f"'new': approx_top_k(CASE WHEN {value} NOT IN {listed} THEN {value} END, {NEWCOMERS})}} AS {value}"
    )


def _read(table: pa.Table, bins: Bins) -> Profiles:
    columns = {name: table[name].combine_chunks() for name in bins.features}
    rows = np.asarray(table["rows"].to_numpy(), np.int64)
    keys: dict[str, list[object]] = {name: [*edges.tolist(), np.inf] for name, edges in bins.edges.items()}
    keys |= {name: [*known, ""] for name, known in bins.categories.items()}
    return Profiles(
        bins=bins,
        days=tuple(table["day"].to_pylist()),
        rows=rows,
        missing={name: np.asarray(column.field("missing").to_numpy(), np.int64) for name, column in columns.items()},
        counts={name: _counts(columns[name].field("bins"), found) for name, found in keys.items()},
        low={name: _floats(columns[name].field("low")) for name in bins.edges},
        high={name: _floats(columns[name].field("high")) for name in bins.edges},
        products=_squares(table["products"].combine_chunks(), rows),
        newcomers=_newcomers({name: columns[name].field("new") for name in bins.categories}, len(rows)),
    )


def _counts(maps: pa.MapArray, keys: Sequence[object]) -> Integers:
    """Counts by day and bin from each day's map of bins to counts."""
    places = {key: place for place, key in enumerate(keys)}
    found = np.zeros((len(maps), len(keys)), np.int64)
    day = np.repeat(np.arange(len(maps)), np.diff(maps.offsets.to_numpy()))
    found[day, [places[key] for key in maps.keys.to_pylist()]] = maps.items.to_numpy()
    return found


def _floats(column: pa.Array) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _squares(sums: pa.Array, rows: Integers) -> Floats:
    """The symmetric matrices from their lower triangles, whose first element is the number of rows."""
    lower = np.column_stack([rows, _floats(sums.flatten()).reshape(len(rows), -1)])
    size = round((np.sqrt(8 * lower.shape[1] + 1) - 1) / 2)
    squares = np.zeros((len(rows), size, size))
    down, across = np.tril_indices(size)
    squares[:, down, across] = squares[:, across, down] = lower
    return squares


def _newcomers(columns: Mapping[str, pa.Array], days: int) -> tuple[Mapping[str, tuple[str, ...]], ...]:
    found = {name: column.to_pylist() for name, column in columns.items()}
    return tuple({name: tuple(names[day]) for name, names in found.items() if names[day]} for day in range(days))


def _all_of(days: Iterable[Mapping[str, tuple[str, ...]]]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for day in days:
        for name, words in day.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *words)))
    return found
