"""Where the score decides whose label will ever be seen: how much is explored in spite of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ai_patterns.spec.base import Part


class ExplorationSpec(Part):
    """Decisions that are acted on whatever their score, so that the labels are not the model's own choice.

    Attributes:
        act: on which side of `threshold` a score is acted on, so that its label will come; a score on it is.
        threshold: in the score's unit.
        share: of the decisions on the other side, those that are acted on all the same. A labelled one of them stands
            for `1 / share` in training.
        holdout: of all decisions, those that are always acted on and never trained on: what is measured is measured
            on them.
        clip: the largest weight of a row.
        salt: draws other decisions; the same salt draws the same ones, online, in batch and again.
    """

    act: Literal["above", "below"]
    threshold: float
    share: float = Field(gt=0, le=1)
    holdout: float = Field(gt=0, lt=1)
    clip: float = Field(default=100.0, ge=1)
    salt: str = ""
