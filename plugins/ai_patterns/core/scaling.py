"""How many replicas a service should have: by what it is measured at, and slow to change its mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ScalingRule:
    """When to add a replica, and when to take one away.

    Between `low` and `high` nothing changes; they are as far apart as one replica more or less moves the measure, so
    that a change does not call for its opposite.

    Attributes:
        high: above it in every look, one is added; in the measure's unit.
        low: below it in every look, one is taken away.
        least: replicas that stay.
        most: replicas that there may be.
    """

    high: float
    low: float
    least: int = 1
    most: int = 4

    def __post_init__(self) -> None:
        if not (0 <= self.low < self.high / 2 and 1 <= self.least <= self.most):
            raise ValueError(f"low must be below half of high, and least at most most: {self}")

    def replicas(self, present: int, looks: Sequence[float]) -> int:
        """The number of replicas from now on.

        Args:
            present: how many there are.
            looks: the measure, as it was seen several times in a row.

        >>> rule = ScalingRule(high=100, low=20)
        >>> rule.replicas(2, [150, 140, 160]), rule.replicas(2, [150, 90, 160]), rule.replicas(2, [5, 4, 6])
        (3, 2, 1)
        """
        wanted = present
        if looks and min(looks) > self.high:
            wanted = present + 1
        elif looks and max(looks) < self.low:
            wanted = present - 1
        return max(self.least, min(self.most, wanted))
