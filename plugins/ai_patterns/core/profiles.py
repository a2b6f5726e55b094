"""Profiles of features: small, mergeable summaries of what a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = 20
"""Number of histogram bins; the edges are quantiles of the first rows seen."""


@dataclass(frozen=True)
class FeatureProfile:
    """Summary of one numeric column.

    Attributes:
        count: rows, missing ones included.
        missing: rows without a value (NaN).
        mean: mean of the values, 0 where there are none.
        squares: sum of squared distances from the mean.
        edges: inner edges of the histogram, ascending.
        counts: values in each of the `len(edges) + 1` bins; a bin holds its upper edge.
    """

    count: int
    missing: int
    mean: float
    squares: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def std(self) -> float:
        """Standard deviation of the values (population form)."""
        present = self.count - self.missing
        return float(np.sqrt(self.squares / present)) if present else 0.0

    def merge(self, other: FeatureProfile) -> FeatureProfile:
        """Profile of both sets of rows (Chan, Golub and LeVeque 1979, formula 2.1).

        Raises:
            ValueError: the histograms have different edges.
        """
        if self.edges != other.edges:
            raise ValueError("profiles merge only where their histograms share their edges")
        ours, theirs = self.count - self.missing, other.count - other.missing
        both = max(ours + theirs, 1)
        shift = other.mean - self.mean
        return FeatureProfile(
            count=self.count + other.count,
            missing=self.missing + other.missing,
            mean=self.mean + shift * theirs / both,
            squares=self.squares + other.squares + shift**2 * ours * theirs / both,
            edges=self.edges,
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "std": self.std}


def profile_column(values: NDArray[Any], edges: Sequence[float] | None = None) -> FeatureProfile:
    """Summarise one column of shape `n_rows`; NaN is missing.

    Args:
        values: the column.
        edges: inner edges of an earlier profile, so that the two can be merged or compared.

    >>> profile = profile_column(np.array([1.0, 2.0, 3.0, np.nan]), edges=[1.5])
    >>> profile.count, profile.missing, profile.mean, profile.counts
    (4, 1, 2.0, (1, 2))
    """
    present = values[~np.isnan(values)].astype(np.float64)
    if edges is None:
        steps = np.linspace(0, 1, QUANTILES + 1)[1:-1]
        edges = np.unique(np.quantile(present, steps)).tolist() if len(present) else []
    mean = float(present.mean()) if len(present) else 0.0
    bins = np.searchsorted(np.asarray(edges, dtype=np.float64), present, side="left")
    return FeatureProfile(
        count=len(values),
        missing=len(values) - len(present),
        mean=mean,
        squares=float(((present - mean) ** 2).sum()),
        edges=tuple(edges),
        counts=tuple(np.bincount(bins, minlength=len(edges) + 1).tolist()),
    )


def profile_matrix(matrix: NDArray[Any], columns: Sequence[str]) -> dict[str, FeatureProfile]:
    """Profile each column of an `n_rows x n_features` matrix."""
    return {name: profile_column(matrix[:, place]) for place, name in enumerate(columns)}
