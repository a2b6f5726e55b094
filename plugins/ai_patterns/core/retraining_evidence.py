"""What a retraining decision rests on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ai_patterns.core.metrics import worse_by
from ai_patterns.spec.model import Metric


@dataclass(frozen=True)
class Evidence:
    """What a retraining decision rests on.

    Attributes:
        now: instant of the decision, UTC.
        champion: version that serves; None before the first promotion.
        champion_since: when it was promoted, UTC.
        retrained: instants of the earlier retrainings, UTC.
        at_promotion: the watched metric when the champion was promoted.
        latest: the same metric of the champion, measured last.
        measured: labels behind `latest`.
        earlier: the measures before it since the promotion, each with its instant (UTC), the oldest first.
        new_labels: labels that became known since the promotion.
        old_labels: those that were known before.
        drifted: features whose newest drift check since the promotion raised an alarm.
    """

    now: dt.datetime
    champion: int | None = None
    champion_since: dt.datetime | None = None
    retrained: tuple[dt.datetime, ...] = ()
    at_promotion: float | None = None
    latest: float | None = None
    measured: int = 0
    earlier: tuple[tuple[dt.datetime, float], ...] = ()
    new_labels: int = 0
    old_labels: int = 0
    drifted: tuple[str, ...] = ()

    @property
    def age(self) -> dt.timedelta:
        """Time since the champion's promotion."""
        return self.now - (self.champion_since or self.now)

    @property
    def attempt(self) -> dt.datetime | None:
        """The last retraining since the promotion: one that brought no new champion."""
        after = [at for at in self.retrained if self.champion_since is None or at > self.champion_since]
        return max(after, default=None)

    def losses(self, metric: Metric) -> list[tuple[dt.datetime, float]]:
        """How much worse than at promotion each measure since is, the oldest first; negative where it is better."""
        if self.at_promotion is None or self.latest is None:
            return []
        measures = [*self.earlier, (self.now, self.latest)]
        return [(at, worse_by(metric, value, self.at_promotion)) for at, value in measures]


def in_days(span: dt.timedelta) -> str:
    """A span in days, for people."""
    return f"{span / dt.timedelta(days=1):.1f} days"
