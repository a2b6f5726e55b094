"""What is counted of two versions that run side by side: whole numbers in one layout, so counts of processes add up."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ai_patterns.spec.model import Task

Role = Literal["champion", "challenger"]
Numbers = NDArray[np.int64]

LATENCY_EDGES = tuple(2e-5 * 2 ** (step / 4) for step in range(88))
"""Seconds, four bounds for each doubling from 20 µs to a minute: a quantile is known to a fifth of itself."""

MOST_EDGES = 19
"""Bounds between the bins of scores, at most; one more bin takes what is not finite."""

_SIDE = {"requests": 1, "errors": 1, "latency": len(LATENCY_EDGES) + 1, "scores": MOST_EDGES + 2}
_BOTH = {"pairs": 1, "rose": MOST_EDGES + 1, "fell": MOST_EDGES + 1, "shed": 1, "refused": 1}


def _layout() -> dict[str, slice]:
    sizes = {f"{role}.{name}": size for role in ("champion", "challenger") for name, size in _SIDE.items()} | _BOTH
    ends = np.cumsum([*sizes.values()]).tolist()
    return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


LAYOUT = _layout()
"""Place of each count in a vector of `SIZE` whole numbers."""
SIZE = max(place.stop for place in LAYOUT.values())


@dataclass(frozen=True)
class Side:
    """Counts of one version.

    Attributes:
        requests: requests that it scored, or failed to.
        errors: of these, the failed ones.
        latency: requests by the time that they took, bins between `LATENCY_EDGES`.
        scores: pairs by its score of their first row, bins between the step's edges; the last: not finite.
    """

    requests: int
    errors: int
    latency: tuple[int, ...]
    scores: tuple[int, ...]


@dataclass(frozen=True)
class Counts:
    """Counts of one step of a rollout.

    Attributes:
        champion: the version that answers so far.
        challenger: the new one.
        pairs: requests whose first row both have scored.
        rose: for each bin, the pairs whose champion's score lies in it or below, and whose challenger's lies above.
        fell: the reverse.
        shed: requests that only one of them scored, since there was other work.
        refused: times that a server could not load the new version.
    """

    champion: Side
    challenger: Side
    pairs: int
    rose: tuple[int, ...]
    fell: tuple[int, ...]
    shed: int
    refused: int

    @classmethod
    def from_vector(cls, vector: Numbers) -> Counts:
        """Read the layout; vectors of several processes are added before.

        >>> Counts.from_vector(np.zeros(SIZE, np.int64)).pairs
        0
        """

        def read(name: str) -> Any:
            found = vector[LAYOUT[name]].tolist()
            return found[0] if len(found) == 1 else tuple(found)

        def side(role: str) -> Side:
            return Side(**{name: read(f"{role}.{name}") for name in _SIDE})

        both = {name: read(name) for name in _BOTH}
        return cls(champion=side("champion"), challenger=side("challenger"), **both)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Counts:
        """Read what `dataclasses.asdict` made, also after JSON."""
        sides = {role: Side(**_tuples(values[role])) for role in ("champion", "challenger")}
        return cls(**{**_tuples(values), **sides})


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def score_edges(task: Task, scores: Sequence[float] = ()) -> tuple[float, ...]:
    """Bounds between the bins of scores: twentieths of those that were seen, or round numbers where none were.

    >>> score_edges("regression", [float(number) for number in range(1, 101)])[:3]
    (5.0, 10.0, 15.0)
    >>> score_edges("classification")[:2], score_edges("regression")[-2:]
    ((0.05, 0.1), (1000.0, 10000.0))
    """
    finite = [score for score in scores if math.isfinite(score)]
    if finite:
        steps = np.arange(1, MOST_EDGES + 1) / (MOST_EDGES + 1)
        return tuple(np.unique(np.quantile(finite, steps, method="inverted_cdf")).tolist())
    if task == "classification":
        return tuple(round(step * 0.05, 2) for step in range(1, MOST_EDGES + 1))
    decades = [10.0**step for step in range(-4, 5)]
    return (*(-value for value in reversed(decades)), 0.0, *decades)


def score_bin(edges: Sequence[float], score: float) -> int:
    """The bin of a score; what is not finite lies above all.

    >>> [score_bin((0.0, 1.0), score) for score in (-5.0, 0.0, 0.5, 2.0, float("nan"))]
    [0, 0, 1, 2, 3]
    """
    return bisect.bisect_left(edges, score) if math.isfinite(score) else len(edges) + 1
