"""Served feature vectors against their recomputation: which cells differ, and why.

Two cells are equal when JSON has the same kind and the same bits of a float64 there (`core.cells`). A cell that
differs gets the first class below whose test it passes. Each test is a recomputation, an *alternative*: the vector
as it would have been served if one thing had gone wrong. An alternative explains a cell when the served bits are
the alternative's, and so are those of every other feature that the same fault would have touched; nulls and zeros
alone explain nothing.
One cause for a whole vector goes before several causes for its parts; then goes the alternative that explains the
most cells; among equals the order of the classes decides:

1. `type`: the right value in another representation: bool, int, text, float32, case, the unit of an instant.
2. `time_zone`: as recomputed with an instant, or a zone, shifted by the zone's offset from UTC.
3. `known_time_leak`: as recomputed with events that were not yet known at `decided_at`.
4. `late_event`: as recomputed without the events that became known more than a hop after they happened.
5. `stale_store`: as the value log was at an earlier instant; the age tells how much earlier.
   After it `late_event` once more: as the lake stood when the vector was served; what differs landed since.
6. `missing`: null, absent or a default on one side, and a value on the other.
7. `code`: none of these; the two paths compute different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from ai_patterns.core.cells import NO_FEATURE, Array, Cells, same
from ai_patterns.core.representation import same_in_another_type, whole_hours_apart

Cause = Literal["type", "time_zone", "known_time_leak", "late_event", "stale_store", "missing", "code"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
Vectors = Mapping[str, Cells]
"""Feature -> its cells, one for each vector, all of one length."""


@dataclass(frozen=True)
class Alternative:
    """What would have been served, had one thing gone wrong.

    Attributes:
        cause: the class that it stands for.
        vectors: the features that the fault touches, of the rows `rows`.
        rows: positions of these vectors.
        age: hours by which the alternative's instant lies before the decision, one for each of `rows`.
    """

    cause: Cause
    vectors: Vectors
    rows: Array
    age: Array | None = None


@dataclass(frozen=True)
class _Claim:
    """The vectors that an alternative explains, and how many open cells these have."""

    cause: Cause
    names: tuple[str, ...]
    rows: Array
    age: Array | None
    cells: int


@dataclass
class Differences:
    """Cells that differ, and what explains them; the methods add to it.

    Attributes:
        served: what was logged.
        right: what was recomputed.
        differs: feature -> where the two differ.
        cause: feature -> index into `CAUSES`, -1 where nothing explains the cell yet.
        age: feature -> hours, NaN where the cause has no age.
    """

    served: Vectors
    right: Vectors
    differs: dict[str, Array] = field(init=False)
    cause: dict[str, Array] = field(init=False)
    age: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        self.differs = {name: ~same(self.served[name], cells) for name, cells in self.right.items()}
        self.cause = {name: np.full(len(there), -1, np.int8) for name, there in self.differs.items()}
        self.age = {name: np.full(len(there), np.nan) for name, there in self.differs.items()}

    @property
    def open_rows(self) -> Array:
        """Positions of the vectors with a difference that nothing explains yet."""
        open_cells = [self._open(name) for name in self.differs]
        return np.flatnonzero(np.logical_or.reduce(open_cells)) if open_cells else np.array([], np.int64)

    def open_features(self) -> list[str]:
        """Features with a difference that nothing explains yet."""
        return [name for name in self.differs if self._open(name).any()]

    def explain_features(self, alternatives: Iterable[Alternative], *, alone: bool = False) -> None:
        """Give each alternative's cause to the features that it touches.

        Args:
            alternatives: the one that explains the most cells goes first, among equals in their own order.
            alone: whether each feature is explained by itself, whatever the others say.
        """
        if alone:
            alternatives = (
                Alternative(item.cause, {name: cells}, item.rows, item.age)
                for item in alternatives
                for name, cells in item.vectors.items()
            )
        claims = self._claims(alternatives)
        for claim in sorted(claims, key=lambda claim: -claim.cells):
            for name in claim.names:
                self._mark(name, claim.cause, claim.rows, claim.age)

    def _claims(self, alternatives: Iterable[Alternative]) -> list[_Claim]:
        """What each alternative explains, up to the first that explains all there is."""
        everything, claims = sum(int(self._open(name).sum()) for name in self.differs), []
        for item in alternatives:
            claims.append(self._claim(item))
            if claims[-1].cells == everything:
                break
        return claims

    def _claim(self, item: Alternative) -> _Claim:
        where = self._agrees(item) & _speaks(item)
        rows = item.rows[where]
        cells = sum(int(self._open(name)[rows].sum()) for name in item.vectors)
        return _Claim(item.cause, tuple(item.vectors), rows, None if item.age is None else item.age[where], cells)

    def explain_cells(self) -> None:
        """Give `type` and `time_zone` to the cells that show it by themselves."""
        for name in self.open_features():
            served, right = self.served[name], self.right[name]
            self._mark_cells(name, "type", same_in_another_type(served, right))
            self._mark_cells(name, "time_zone", whole_hours_apart(served, right))

    def explain_missing(self, unknown: Mapping[str, Array]) -> None:
        """Give `missing` to null against a value, and to a value where `unknown` says that the lake has none."""
        for name in self.open_features():
            gap = self.served[name].is_null != self.right[name].is_null
            self._mark_cells(name, "missing", gap | unknown.get(name, np.zeros(len(gap), bool)))
            self._mark_cells(name, "missing", self.served[name].kind == NO_FEATURE)

    def finish(self) -> None:
        """Give `code` to what is left."""
        for name in self.open_features():
            self._mark_cells(name, "code", self._open(name))

    def _open(self, name: str) -> Array:
        waiting: Array = self.differs[name] & (self.cause[name] < 0)
        return waiting

    def _agrees(self, item: Alternative) -> Array:
        agree = np.ones(len(item.rows), bool)
        for name, cells in item.vectors.items():
            agree &= same(self.served[name].take(item.rows), cells)
        return agree

    def _mark(self, name: str, cause: Cause, rows: Array, age: Array | None) -> None:
        chosen = self._open(name)[rows]
        self.cause[name][rows[chosen]] = CAUSES.index(cause)
        if age is not None:
            self.age[name][rows[chosen]] = age[chosen]

    def _mark_cells(self, name: str, cause: Cause, where: Array) -> None:
        self.cause[name][self._open(name) & where] = CAUSES.index(cause)


def _speaks(item: Alternative) -> Array:
    spoken: Array = np.logical_or.reduce([cells.says_something for cells in item.vectors.values()])
    return spoken
