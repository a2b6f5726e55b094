"""How a new version comes to answer: in shadow, then for a growing share of the keys, and back where it harms."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from ai_patterns.spec.base import Name, Part, refuse
from ai_patterns.spec.durations import Duration


class HoldSpec(Part):
    """How long a step is held before the next one.

    Attributes:
        requests: least requests that the new version has scored in the step.
        duration: least time that the step lasts.
        at_most: a step that has not gone on by then is rolled back.
    """

    requests: int = Field(default=1000, ge=1)
    duration: Duration = timedelta(minutes=10)
    at_most: Duration = timedelta(days=1)

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.at_most <= self.duration:
            raise refuse("a step must be able to last longer than its least duration", "at_most")
        return self


class LimitsSpec(Part):
    """What a new version may cost; it is rolled back where more is proven, and does not go on where more is seen.

    Attributes:
        error_rate: by how much its share of failed requests may lie above the champion's.
        p99_ratio: how many times as long as the champion's 99th percentile its own may be.
        prediction_shift: how far the distributions of both versions' scores of the same requests may lie apart
            (Kolmogorov-Smirnov distance, 0 to 1).
    """

    error_rate: float = Field(default=0.01, ge=0, lt=1)
    p99_ratio: float = Field(default=1.5, ge=1)
    prediction_shift: float = Field(default=0.1, gt=0, lt=1)


class RolloutSpec(Part):
    """The steps of a rollout.

    Attributes:
        key: inputs that decide which version answers, such as a customer; by default the decision's own key.
        shadow: how long the new version scores beside the champion before it answers anybody.
        canary: the growing shares of the keys that it then answers, each below 1.
        hold: how long each share is held.
        limits: what it may cost.
        alpha: most probability that a version within the limits is rolled back by proof, over all limits, steps and
            looks together.
    """

    key: tuple[Name, ...] = ()
    shadow: HoldSpec = HoldSpec()
    canary: tuple[float, ...] = (0.05, 0.25, 0.5)
    hold: HoldSpec = HoldSpec()
    limits: LimitsSpec = LimitsSpec()
    alpha: float = Field(default=0.05, gt=0, le=0.05)

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if not all(low < high for low, high in zip((0.0, *self.canary), (*self.canary, 1.0), strict=True)):
            raise refuse("shares must lie between 0 and 1 and grow, such as [0.05, 0.25, 0.5]", "canary")
        return self

    @property
    def steps(self) -> tuple[tuple[float, HoldSpec], ...]:
        """Share and hold of each step, the shadow (share 0) first."""
        return ((0.0, self.shadow), *((share, self.hold) for share in self.canary))
