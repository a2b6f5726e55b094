"""What monitoring alarms on: drift of the features, and served features unlike their recomputation."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from ai_patterns.spec.base import Part
from ai_patterns.spec.durations import Duration


class MonitoringSpec(Part):
    """What counts as an alarm, beside what is calibrated on the system's own past.

    The bounds are a contract: they alarm alone, and only for a feature that kept within half of them in all past
    windows. A single day may reach twice as far. They are all there is until there is history enough to calibrate on.

    Attributes:
        reference: length of the period before a window that it is compared with.
        max_psi: population stability index above which a feature is reported; informational by itself.
        max_missing_increase: share of missing values of a feature that had none.
        max_stuck_share: rise of the share of rows with one value.
        max_unseen_share: share of rows with categories never seen.
        max_gap_share: share of rows with numbers between those ever seen, such as after a change of unit.
        clocks: features that tell a time of day, and how many of their units a day has: 24 of hours.
        max_clock_gain: how much of the largest difference of such a feature's cumulated shares a turn of its clock by
            half hours may undo.
    """

    reference: Duration = timedelta(days=28)
    max_psi: float = Field(default=0.2, gt=0)
    max_missing_increase: float = Field(default=0.02, gt=0, le=1)
    max_stuck_share: float = Field(default=0.6, gt=0, le=1)
    max_unseen_share: float = Field(default=0.02, gt=0, le=1)
    max_gap_share: float = Field(default=0.5, gt=0, le=1)
    clocks: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    max_clock_gain: float = Field(default=0.02, gt=0, le=1)


class ParitySpec(Part):
    """How far served features may differ from their recomputation.

    Attributes:
        max_share: largest share of a feature's compared values that may differ.
        max_age: a difference that staleness explains is no failure where the value is at most this old: a store
            that is filled once a day is stale between its fillings. 0 forgives none.
    """

    max_share: float = Field(default=0.0, ge=0, le=1)
    max_age: Duration = timedelta(0)
