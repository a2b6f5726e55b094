"""A system's life over some days, with every decision that its DAGs would take, on a simulated clock.

The days come in one of two ways: from the files, or lived through the real topics. Everything after that is the same
code, so that equal lakes give equal decisions and the same champion.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.core.days import Days
from ai_patterns.errors import PromotionRejectedError
from ai_patterns.jobs.champion import read_champion
from ai_patterns.jobs.extraction import known_days
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.feedback import join_labels, measure_performance
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.promotion import promote
from ai_patterns.jobs.retraining import decide_retraining
from ai_patterns.jobs.scoring import score
from ai_patterns.jobs.training import train
from ai_patterns.jobs.training_set import TABLE as TRAINING_SETS
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

LIVED = "lived_days"
"""Table of the days that are over; a rehearsal that was interrupted goes on after the last of them."""

_LIVED = pa.schema([("lived", pa.date32())])


@dataclass(frozen=True)
class Decision:
    """What was decided at the end of some days.

    Attributes:
        at: the instant, UTC.
        retrain: whether to train again.
        reason: why.
        champion: the champion's version afterwards.
        refused: why the newly trained model did not become champion; empty where it did, or none was trained.
    """

    at: dt.datetime
    retrain: bool
    reason: str
    champion: int
    refused: str = ""


@dataclass(frozen=True)
class LivedDay:
    """One day.

    Attributes:
        day: the day, UTC.
        came: what brought the day in tells of it, in a few words.
        predictions: decisions of the day that the champion scored.
        decision: the decision at its end, on the last day of a period.
    """

    day: dt.date
    came: str
    predictions: int
    decision: Decision | None


BringIn = Callable[[Days], str]
"""Has a day's events published and its features built; tells of it in a few words."""


@dataclass(frozen=True)
class Rehearsal:
    """A system with a lake and a registry of its own.

    Attributes:
        system: the system.
        lake: its lake.
        registry: its registry.
        bring_in: how a day comes; by default from the files.
        period: days from one decision on retraining to the next.
    """

    system: SystemSpec
    lake: Lake
    registry: Registry
    bring_in: BringIn | None = None
    period: int = 7

    def prepare(self, first: dt.date) -> int:
        """Load all that came before `first` from the files, and train and promote a champion on it; its version.

        What is there already stays as it is.

        Raises:
            PromotionRejectedError: the model is not good enough for its gates.
            DataQualityError: there is too little history to train on, or it failed its audit.
        """
        history = Days(min(self.system.start, known_days(self.system).first), first - dt.timedelta(days=1))
        if not self.lake.exists(TRAINING_SETS):
            log.info("Loading %s from the files.", history)
            from_files(self.system, self.lake, history)
            build_training_set(self.system, self.lake, history)
        champion = self.registry.alias(CHAMPION)
        if champion is None:
            days = Days(self.system.start, history.last)
            challenger = self.registry.alias(CHALLENGER) or train(self.system, self.lake, self.registry, days).version
            champion = self._promote(challenger, history.end)
        return champion

    def live(self, days: Days) -> Iterator[LivedDay]:
        """Live through `days`, one after the other, from the first that is not over yet."""
        over = self.over()
        for number, day in enumerate(days, 1):
            if day not in over:
                last = number % self.period == 0
                yield self._live_through(day, Days(day - dt.timedelta(days=self.period - 1), day) if last else None)

    def over(self) -> set[dt.date]:
        """Days that were lived through."""
        return set(self.lake.read(LIVED)["lived"].to_pylist()) if self.lake.exists(LIVED) else set()

    def _live_through(self, day: dt.date, period: Days | None) -> LivedDay:
        today = Days(day, day)
        came = self.bring_in(today) if self.bring_in else from_files(self.system, self.lake, today)
        build_training_set(self.system, self.lake, today)
        predictions = score(self.system, self.lake, self.registry, today, at=today.end)
        decision = self._decide(period) if period else None
        self.lake.append(LIVED, pa.table({"lived": [day]}, _LIVED))
        return LivedDay(day, came, predictions, decision)

    def _decide(self, period: Days) -> Decision:
        """What the DAGs feedback_loop, model_training and model_promotion do."""
        now = period.end
        join_labels(self.system, self.lake, now)
        measure_performance(self.system, self.lake, period, now)
        verdict = decide_retraining(self.system, self.lake, now, read_champion(self.lake, now))
        refused = self._retrain(now) if verdict.retrain else ""
        return Decision(now, verdict.retrain, verdict.reason, self.registry.require_alias(CHAMPION), refused)

    def _retrain(self, now: dt.datetime) -> str:
        days = Days(self.system.start, (now - dt.timedelta(days=1)).date())
        try:
            self._promote(train(self.system, self.lake, self.registry, days).version, now)
        except PromotionRejectedError as error:
            return str(error)
        return ""

    def _promote(self, version: int, at: dt.datetime) -> int:
        return promote(self.system, self.lake, self.registry, version, at=at, reason="rehearsal").version


def from_files(system: SystemSpec, lake: Lake, days: Days) -> str:
    """Bring days in from the files."""
    report = ingest(system, lake, days, run_id=f"rehearsal-{days.first:%Y%m%d}")
    build_features(system, lake, days)
    return f"{sum(report.published.values()):,} rows from files"
