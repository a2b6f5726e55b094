"""Whether a metric has kept to a bound for as long as was asked."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from ai_patterns.errors import SpecError

Comparison = Literal["<", "<=", ">", ">=", "==", "!="]
_MEANING: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
)
POINTS = 60
"""Most steps between the values of a series that are looked at."""


@dataclass(frozen=True)
class MetricCondition:
    """Every value of every series is on the right side of a bound, for some time.

    Args:
        comparison: the side.
        bound: in the metric's unit.
        seconds: how long up to now; 0 for now alone.

    Raises:
        SpecError: an unknown comparison, or a time or bound that is none.

    >>> falling = MetricCondition("<", 0.01, seconds=60)
    >>> falling.holds({"a": [0.0] * 61}), falling.holds({"a": [0.0] * 60 + [0.5]})
    (True, False)

    What is not there has not held: no series, a series with a gap, a value that is not a number.

    >>> falling.holds({}), falling.holds({"a": [0.0] * 60}), falling.holds({"a": [0.0] * 60 + [float("nan")]})
    (False, False, False)
    """

    comparison: Comparison
    bound: float
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.comparison not in _MEANING:
            known = ", ".join(get_args(Comparison))
            raise SpecError(f"{self.comparison!r} is no comparison; write one of {known}", field="comparison")
        if math.isnan(self.bound):
            raise SpecError("nothing compares with NaN; write a number", field="bound")
        if not 0 <= self.seconds < math.inf:
            raise SpecError(f"{self.seconds} is no time; write seconds from 0 on", field="held_for")

    @property
    def step(self) -> int:
        """Seconds between two values that are looked at; at least one."""
        return max(math.ceil(self.seconds / POINTS), 1)

    @property
    def points(self) -> int:
        """Values that a series without a gap has, both ends included."""
        return math.ceil(self.seconds / self.step) + 1

    def holds(self, series: Mapping[str, Sequence[float]]) -> bool:
        """Whether it holds for values at each step; a mapping from the series to them."""
        return bool(series) and all(self._held(values) for values in series.values())

    def _held(self, values: Sequence[float]) -> bool:
        meant = _MEANING[self.comparison]
        return len(values) == self.points and all(not math.isnan(v) and meant(v, self.bound) for v in values)
