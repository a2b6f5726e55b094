"""Where the values of each feature are counted: fixed before anything is profiled, so that profiles merge."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from ai_patterns.core.row_batches import Floats, Rows, batches, in_threads, numbers, words

SAMPLE = 200_000
"""Rows that edges are made from; of more, a sample that is the same each time."""
LATTICE = 512
"""A feature with at most so many values has each of them counted by itself."""
QUANTILES = 50
"""Bins of equal weight of a feature with more values."""
ATOM = 0.02
"""Share from which one value of such a feature is counted by itself."""
CATEGORIES = 1_000
"""Categories of one feature that are counted by themselves, the most frequent; all others are one."""

REMEMBERED = 50_000
"""Categories of one feature that are held while they are counted, at least."""


@dataclass(frozen=True)
class Bins:
    """Bins of every feature.

    Attributes:
        edges: inner edges of each numeric feature, ascending; bin *i* is `(edges[i-1], edges[i]]`. A value that is
            counted by itself has a bin of its own width, a billionth; what lies between two such values has another.
        categories: each categorical feature's known categories.
        scales: median and spread of each numeric feature, by which its products with others are scaled.
    """

    edges: Mapping[str, Floats]
    categories: Mapping[str, tuple[str, ...]]
    scales: Mapping[str, tuple[float, float]]

    @property
    def features(self) -> tuple[str, ...]:
        """All features, the numeric ones first."""
        return (*self.edges, *self.categories)

    def sizes(self) -> dict[str, int]:
        """Number of bins of each feature; the last one of a categorical feature holds all unknown categories."""
        return {
            **{name: len(edges) + 1 for name, edges in self.edges.items()},
            **{name: len(known) + 1 for name, known in self.categories.items()},
        }


def fit_bins(
    rows: Rows, numeric: Sequence[str], categorical: Sequence[str] = (), *, before: dt.date | None = None
) -> Bins:
    """Bins that fit what was seen.

    Args:
        rows: the past; has all the named columns.
        numeric: columns of numbers, or of truth values.
        categorical: columns of categories.
        before: leave out the rows from this day on; then the rows have a column `day`.
    """
    columns = [*numeric, *categorical]
    count = sum(len(batch) for batch in batches(rows, columns[:1], before=before))
    values: dict[str, list[Floats]] = {name: [] for name in numeric}
    seen: dict[str, Counter[str]] = {name: Counter() for name in categorical}
    look = partial(_look, numeric, categorical)
    for some, counted in in_threads(look, _sampled(batches(rows, columns, before=before), count)):
        for name, found in some.items():
            values[name].append(found)
        for name, counts in counted.items():
            add_counts(seen[name], counts)
    sample = {name: _finite(parts) for name, parts in values.items()}
    fitted = dict(zip(sample, in_threads(_fit, sample.values()), strict=True))
    return Bins(
        edges={name: edges for name, (edges, _) in fitted.items()},
        categories={name: _known(counter) for name, counter in seen.items()},
        scales={name: scale for name, (_, scale) in fitted.items()},
    )


def numeric_edges(values: Floats) -> Floats:
    """Inner edges for one feature from the values that were seen, without NaN.

    >>> numeric_edges(np.array([1.0, 1.0, 2.0])).round(3).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    if not len(values):
        return np.zeros(1)
    found, counts = np.unique(values, return_counts=True)
    few = len(found) <= LATTICE
    atoms = found if few else found[counts >= ATOM * len(values)]
    width = 1e-9 * np.maximum(np.abs(atoms), float(np.ptp(found)) or 1.0)
    edges = [atoms - width, atoms + width]
    if not few:
        steps = np.linspace(0, 1, QUANTILES + 1)
        quantiles = np.quantile(values, steps, method="inverted_cdf")
        edges.append(quantiles[~np.isin(quantiles, atoms)])
    return np.unique(np.concatenate(edges))


def add_counts(counter: Counter[str], counts: Mapping[str, int]) -> None:
    """Count categories; of very many, the rarer ones are forgotten.

    >>> add_counts(found := Counter("ab"), {"a": 1})
    >>> found["a"]
    2
    """
    counter.update(counts)
    if len(counter) > 2 * REMEMBERED:
        kept = dict(counter.most_common(REMEMBERED))
        counter.clear()
        counter.update(kept)


def _fit(values: Floats) -> tuple[Floats, tuple[float, float]]:
    return numeric_edges(values), _scale(values)


def _scale(values: Floats) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle), float((high - low) / 1.349 or values.std() or 1.0)


def _sampled(found: Iterable[pa.RecordBatch], count: int) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """Each of the batches, which have `count` rows, and where the rows of the sample lie in it."""
    chosen = np.arange(count)
    if count > SAMPLE:
        chosen = np.sort(np.random.default_rng(1).choice(count, SAMPLE, replace=False))
    first = 0
    for batch in found:
        start, end = np.searchsorted(chosen, [first, first + len(batch)])
        yield batch, pa.array(chosen[start:end] - first)
        first += len(batch)


def _look(
    numeric: Sequence[str], categorical: Sequence[str], part: tuple[pa.RecordBatch, pa.Array]
) -> tuple[dict[str, Floats], dict[str, dict[str, int]]]:
    """The sample's numbers, and how often each category is there."""
    batch, places = part
    return (
        {name: numbers(batch[name].take(places)) for name in numeric},
        {name: _counts(words(batch[name])) for name in categorical},
    )


def _finite(parts: Sequence[Floats]) -> Floats:
    values = np.concatenate([np.zeros(0), *parts])
    return np.asarray(values[np.isfinite(values)])


def _counts(values: pa.DictionaryArray) -> dict[str, int]:
    counts = np.bincount(values.indices.drop_null().to_numpy(), minlength=len(values.dictionary))
    return dict(zip(values.dictionary.to_pylist(), counts.tolist(), strict=True))


def _known(counter: Counter[str]) -> tuple[str, ...]:
    """The most frequent categories, of equally frequent ones the first; empty text is none."""
    found = sorted((-count, word) for word, count in counter.items() if word and count)
    return tuple(sorted(word for _, word in found[:CATEGORIES]))
