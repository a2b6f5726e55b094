"""Where the values of each feature are counted: fixed before anything is profiled, so that profiles merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from ai_patterns.core.sessions import session

Rows: TypeAlias = pa.Table | ds.Dataset
"""What DuckDB can scan: a table, or a dataset of the lake."""

Floats: TypeAlias = NDArray[np.float64]

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


def fit_bins(rows: Rows, numeric: Sequence[str], categorical: Sequence[str] = ()) -> Bins:
    """Bins that fit what was seen.

    Args:
        rows: the past; has all the named columns.
        numeric: columns of numbers, or of truth values.
        categorical: columns of categories.
    """
    sample = _sample(rows, numeric) if numeric else {}
    return Bins(
        edges={name: numeric_edges(values) for name, values in sample.items()},
        categories={name: _categories(rows, name) for name in categorical},
        scales={name: _scale(values) for name, values in sample.items()},
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


def _scale(values: Floats) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle), float((high - low) / 1.349 or values.std() or 1.0)


def _sample(rows: Rows, names: Sequence[str]) -> dict[str, Floats]:
    """Finite values of some rows, ascending."""
    data = rows if isinstance(rows, ds.Dataset) else ds.dataset(rows)
    count = data.count_rows()
    places = np.arange(count)
    if count > SAMPLE:
        places = np.sort(np.random.default_rng(1).choice(count, SAMPLE, replace=False))
    table = data.take(pa.array(places), columns=list(names))
    found = {name: table[name].cast(pa.float64(), safe=False).to_numpy() for name in names}
    return {name: np.sort(values[np.isfinite(values)]) for name, values in found.items()}


def _categories(rows: Rows, name: str) -> tuple[str, ...]:
    value = f"CAST({quoted(name)} AS VARCHAR)"
    sql = (
        f"SELECT {value} AS value FROM binned WHERE {value} <> '' GROUP BY value "  # noqa: S608 - names are quoted
        f"ORDER BY count(*) DESC, value LIMIT {CATEGORIES}"
    )
    return tuple(sorted(run(sql, binned=rows)["value"].to_pylist()))


def run(sql: str, **relations: Any) -> pa.Table:
    """Run one query over the named relations."""
    with session() as connection:
        for name, relation in relations.items():
            connection.register(name, relation)
        return connection.sql(sql).to_arrow_table()


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'
