"""Profiles of every day from one pass over the rows, a batch at a time."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ai_patterns.core.binning import Binning, Places
from ai_patterns.core.bins import Bins, add_counts
from ai_patterns.core.daily_profiles import NEWCOMERS, REACH, Profiles
from ai_patterns.core.row_batches import EPOCH, Floats, Rows, batches, day_numbers, in_threads, numbers, words


def profile_days(rows: Rows, bins: Bins) -> Profiles:
    """Profile every feature on each day in one pass, in as many threads as the engine may take.

    Args:
        rows: has the column `day` (date32) and the features of `bins`.
        bins: what to count in, as `fit_bins` finds it.
    """
    found = [np.unique(day_numbers(batch)) for batch in batches(rows, ["day"])]
    total = _Total(bins, np.unique(np.concatenate([np.zeros(0, np.int32), *found])))
    for part in in_threads(_Counting(bins).count, batches(rows, ["day", *bins.features])):
        total.add(part)
    return total.profiles()


@dataclass(frozen=True)
class _Part:
    """What was counted in one batch; every array's first axis is `days`, and each count's last bin is for no value."""

    days: NDArray[np.int32]
    counts: dict[str, NDArray[np.intp]]
    low: dict[str, Floats]
    high: dict[str, Floats]
    products: Floats
    unknown: dict[str, Sequence[Counter[str]]]


class _Counting:
    def __init__(self, bins: Bins) -> None:
        self._sizes, self._scales = bins.sizes(), bins.scales
        self._binnings = {name: Binning(edges) for name, edges in bins.edges.items()}
        self._known = {name: pa.array(known, pa.string()) for name, known in bins.categories.items()}

    def count(self, batch: pa.RecordBatch) -> _Part:
        rows, days = _by_day(batch)
        values = {name: numbers(rows[name]) for name in self._binnings}
        terms = {name: words(rows[name]) for name in self._known}
        found = {name: binning(values[name]) for name, binning in self._binnings.items()}
        found |= {name: _categories(terms[name], known) for name, known in self._known.items()}
        return _Part(
            days=days.numbers,
            counts={name: days.counts(places, self._sizes[name]) for name, places in found.items()},
            low={name: np.fmin.reduceat(column, days.starts) for name, column in values.items()},
            high={name: np.fmax.reduceat(column, days.starts) for name, column in values.items()},
            products=days.products(self._scaled(values, len(rows))),
            unknown={name: days.names(terms[name], found[name] == len(known)) for name, known in self._known.items()},
        )

    def _scaled(self, values: Mapping[str, Floats], count: int) -> Floats:
        """The constant 1 and below it each feature, scaled and bounded, a missing value 0."""
        scaled = np.ones((1 + len(values), count))
        for row, (name, column) in zip(scaled[1:], values.items(), strict=True):
            middle, spread = self._scales[name]
            np.subtract(column, middle, out=row)
            np.divide(row, spread, out=row)
            np.clip(row, -REACH, REACH, out=row)
            np.copyto(row, 0, where=np.isnan(row))
        return scaled


@dataclass(frozen=True)
class _Days:
    """Where the days of a batch lie, which is in their order.

    Attributes:
        numbers: the days since 1970.
        starts: the first row of each.
        of_row: each row's place in `numbers`.
    """

    numbers: NDArray[np.int32]
    starts: Places
    of_row: Places

    def counts(self, bins: Places, size: int) -> NDArray[np.intp]:
        """How many rows of each day lie in each of `size` bins, and behind them without a value."""
        shape = len(self.numbers), size + 1
        return np.bincount(self.of_row * shape[1] + bins, minlength=shape[0] * shape[1]).reshape(shape)

    def products(self, columns: Floats) -> Floats:
        """Each day's sums of products of the columns with each other."""
        return np.stack([part @ part.T for part in (columns[:, span] for span in self._spans())])

    def names(self, values: pa.DictionaryArray, chosen: NDArray[np.bool_]) -> Sequence[Counter[str]]:
        """How often each day has each of the chosen values; nothing where none is chosen."""
        if not chosen.any():
            return ()
        return [Counter(values[span].filter(pa.array(chosen[span])).to_pylist()) for span in self._spans()]

    def _spans(self) -> list[slice]:
        ends = [*self.starts[1:], len(self.of_row)]
        return [slice(start, end) for start, end in zip(self.starts, ends, strict=True)]


class _Total:
    """Everything that was counted; `days` ascend."""

    def __init__(self, bins: Bins, days: NDArray[np.int32]) -> None:
        size = 1 + len(bins.edges)
        self._bins, self._days = bins, days
        self._counts = {name: np.zeros((len(days), width + 1), np.int64) for name, width in bins.sizes().items()}
        self._low = {name: np.full(len(days), np.nan) for name in bins.edges}
        self._high = {name: np.full(len(days), np.nan) for name in bins.edges}
        self._products = np.zeros((len(days), size, size))
        self._unknown: dict[str, list[Counter[str]]] = {name: [Counter() for _ in days] for name in bins.categories}

    def add(self, part: _Part) -> None:
        places = np.searchsorted(self._days, part.days)
        for name, counts in part.counts.items():
            self._counts[name][places] += counts
        for name, low in part.low.items():
            self._low[name][places] = np.fmin(self._low[name][places], low)
            self._high[name][places] = np.fmax(self._high[name][places], part.high[name])
        self._products[places] += part.products
        for name, days in part.unknown.items():
            for place, counter in zip(places, days, strict=False):
                add_counts(self._unknown[name][place], counter)

    def profiles(self) -> Profiles:
        return Profiles(
            bins=self._bins,
            days=tuple(EPOCH + dt.timedelta(days=int(day)) for day in self._days),
            rows=self._products[:, 0, 0].astype(np.int64),
            missing={name: counts[:, -1] for name, counts in self._counts.items()},
            counts={name: counts[:, :-1] for name, counts in self._counts.items()},
            low=self._low,
            high=self._high,
            products=self._products,
            newcomers=tuple(self._newcomers(place) for place in range(len(self._days))),
        )

    def _newcomers(self, place: int) -> dict[str, tuple[str, ...]]:
        found = {name: days[place].most_common(NEWCOMERS) for name, days in self._unknown.items()}
        return {name: tuple(word for word, _ in most) for name, most in found.items() if most}


def _by_day(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, _Days]:
    """The batch in the order of its days."""
    day = day_numbers(batch)
    if (np.diff(day) < 0).any():
        order = np.argsort(day, kind="stable")
        batch, day = batch.take(pa.array(order)), day[order]
    starts = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    of_row = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(day)))
    return batch, _Days(day[starts], starts, of_row)


def _categories(values: pa.DictionaryArray, known: pa.Array) -> Places:
    """The place of each value among the known ones; behind them are the unknown, then the missing."""
    unknown, missing = len(known), len(known) + 1
    places = pc.index_in(values.dictionary, known).fill_null(unknown)
    empty = pc.equal(values.dictionary, "").fill_null(True)
    of_codes = np.append(np.where(empty, missing, places), missing)
    return np.asarray(of_codes.take(values.indices.fill_null(len(values.dictionary)).to_numpy()))
