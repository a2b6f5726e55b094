"""Which bin a value lies in, for many values at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ai_patterns.core.row_batches import Floats

Places = NDArray[np.intp]

CELLS = 1 << 14
CROWD = 8
"""Edges in one cell from which a binary search costs no more."""


class Binning:
    """Finds bins: a table of equal cells tells the edges below a cell, comparisons the few within it.

    A value's cell never falls as the value rises, with rounding too; so what is below in cells is below in value.

    >>> Binning(np.array([0.0, 1.0]))(np.array([-1.0, 0.0, 0.5, 1.0, np.inf, np.nan])).tolist()
    [0, 0, 1, 1, 2, 3]
    """

    def __init__(self, edges: Floats) -> None:
        """Take the inner edges of one feature, ascending, at least one; bin *i* is `(edges[i-1], edges[i]]`."""
        self._edges = np.append(edges, np.inf)
        self._low, self._high = float(edges[0]), float(edges[-1])
        width = self._high - self._low
        self._scale = CELLS / width if width else np.inf
        self._crowd = len(edges)
        if 0 < self._scale < np.inf:
            cells = self._cells(edges)
            self._below = np.searchsorted(cells, np.arange(CELLS))
            self._crowd = int(np.bincount(cells).max())
        self._search = self._crowd > CROWD or not 0 < self._scale < np.inf

    def __call__(self, values: Floats) -> Places:
        """The bin of each value; that of NaN is one after the last."""
        missing = np.isnan(values)
        known = np.where(missing, self._low, values) if missing.any() else values
        found = self._searched(known) if self._search else self._looked_up(known)
        found[missing] = len(self._edges)
        return found

    def _searched(self, values: Floats) -> Places:
        return np.searchsorted(self._edges[:-1], values)

    def _looked_up(self, values: Floats) -> Places:
        found = self._below.take(self._cells(values))
        for _ in range(self._crowd):
            found += values > self._edges.take(found)
        return found

    def _cells(self, values: Floats) -> Places:
        places = np.clip(values, self._low, self._high)
        places -= self._low
        places *= self._scale
        return np.minimum(places, CELLS - 1, out=places).astype(np.intp)
