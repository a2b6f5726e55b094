"""Profiles of features: counts by day that merge by addition, from one pass over the rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ai_patterns.core.bins import Bins
from ai_patterns.core.row_batches import Floats

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


def _all_of(days: Iterable[Mapping[str, tuple[str, ...]]]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for day in days:
        for name, words in day.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *words)))
    return found
