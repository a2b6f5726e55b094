"""Made-up challengers and champions whose skill is known, with days as the example's flights have them.

Eight models of one recipe, each fitted on another 70% of January to March, were compared in pairs on 275 later days of
907 flights. Their scores correlate by .94. The mean difference of a day's log loss varies by .020, where independent
rows would give .005: what a pair shares on a day outweighs what rows add. A day's difference correlates by .2 with the
next one's, and has heavy tails (excess kurtosis 6); a day's rate of late flights varies by .87 as a logit, lag .45.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ai_patterns.core.comparison import Trial
from ai_patterns.core.metrics import logloss

ROWS = 200
"""Rows of a day; more change little, since the days' own differences outweigh what rows add."""

SLICES = 4
SPREAD, HIDDEN, OF_ROWS = 1.0, 0.5, 0.23
"""Standard deviations of logits: of what both models know of the rows, of what the champion does not know of them, and
of a model's own error in a row."""

OF_DAYS, OF_PAIR = 0.87, 0.1
"""Of what no model knows of a day, and of a model's own error of a day."""


@dataclass(frozen=True)
class World:
    """Where the trials come from.

    Attributes:
        days: days of the evaluation.
        neighbours: correlation of a model's error with that of the next day.
        gain: share that the challenger knows of what is hidden from the champion; 0 is the same skill.
    """

    days: int = 14
    neighbours: float = 0.45
    gain: float = 0.0

    def trial(self, seed: int, block: int) -> Trial:
        """One challenger and its champion; their errors come from one distribution where `gain` is 0."""
        random = np.random.default_rng([seed, self.days])
        day = np.repeat(np.arange(self.days), ROWS)
        known = -1.2 + random.normal(0, SPREAD, len(day))
        hidden = random.normal(0, HIDDEN, len(day))
        truth = known + hidden + self._by_day(random, 0.45)[day] * OF_DAYS
        champion, challenger = (
            self._by_day(random, self.neighbours)[day] * OF_PAIR + random.normal(0, OF_ROWS, len(day)) for _ in range(2)
        )
        parts = random.integers(SLICES, size=len(day))
        return Trial(
            truth=(random.random(len(day)) < _probability(truth)).astype(float),
            challenger=_probability(known + self.gain * hidden + challenger),
            champion=_probability(known + champion),
            blocks=day // block,
            slices={f"part={part}": parts == part for part in range(SLICES)},
        )

    def _by_day(self, random: np.random.Generator, lag: float) -> np.ndarray:
        """One value a day of variance 1, each with the correlation `lag` to the one before, heavy in the tails."""
        steps = random.standard_t(5, self.days + 20) / np.sqrt(5 / 3) * np.sqrt(1 - lag**2)
        values = [0.0]
        for step in steps:
            values.append(lag * values[-1] + step)
        return np.array(values[-self.days :])


@cache
def true_gain(world: World) -> float:
    """How much lower the challenger's log loss is than the champion's, over 4,000 days."""
    trial = replace(world, days=4000).trial(0, 1)
    return logloss(trial.truth, trial.champion) - logloss(trial.truth, trial.challenger)


def _probability(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))
