"""A rollout as this process lives it: follows the record beside the aliases, and sends each request to its version."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from pathlib import Path

from ai_patterns.clients.mlflow import ROLLOUT
from ai_patterns.clients.mlflow_connection import CONN_ID
from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.core.canary import chosen
from ai_patterns.core.rollout_counts import Counts, Role
from ai_patterns.core.routing import Routing
from ai_patterns.errors import ServiceRejectedError
from ai_patterns.services.inference.follower import Follower
from ai_patterns.services.inference.model import ChampionFollower
from ai_patterns.services.inference.served import ServedModel
from ai_patterns.services.inference.tally import Tally, drop_older, read_counts

_CHAMPION_SECONDS = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveRollout:
    """A step that both versions are loaded and warmed up for.

    Attributes:
        tally: where it is counted.
    """

    routing: Routing
    champion: ServedModel
    challenger: ServedModel
    tally: Tally

    def other(self, model: ServedModel) -> ServedModel:
        """The version that `model` is compared with."""
        return self.challenger if model is self.champion else self.champion

    def role(self, model: ServedModel) -> Role:
        """Which of the two `model` is."""
        return "champion" if model is self.champion else "challenger"

    @property
    def compares_answers(self) -> bool:
        """Whether the times to an answer are compared: in shadow, where one version answers, those of the scoring."""
        return self.routing.share > 0

    def takes(self, key: tuple[object, ...]) -> bool:
        """Whether the new version answers a key."""
        return chosen(self.routing.rollout, key, self.routing.share)


class RolloutFollower(Follower):
    """Holds the step that is on; a request keeps the step that it began with.

    Args:
        registry: where the record lies.
        champion: loads models, and knows which one answers.
        folder: where processes of one machine count together.
        poll_seconds: how often the record is read.
    """

    def __init__(self, registry: RegistryReader, champion: ChampionFollower, folder: Path, poll_seconds: float) -> None:
        super().__init__("rollout", poll_seconds)
        self._registry, self._champion, self._folder = registry, champion, folder
        self._live: LiveRollout | None = None
        self._tallies: dict[int, Tally] = {}

    def live(self, model: ServedModel) -> LiveRollout | None:
        """The step that a request belongs to which `model` would answer; None where it is just answered."""
        live = self._live
        if live is None or live.champion is not model or live.routing.until < dt.datetime.now(dt.UTC):
            return None
        return live

    def counts(self, sequence: int) -> Counts:
        """What all processes of this machine have counted in a step."""
        return read_counts(self._folder / str(sequence))

    def counted(self) -> tuple[Routing, Counts] | None:
        """The step that is on, and its counts."""
        live = self._live
        return None if live is None else (live.routing, self.counts(live.routing.sequence))

    def refresh(self) -> None:
        """Follow the record as it is now.

        Raises:
            ServiceUnavailableError: the registry is away.
            ServiceRejectedError: the record is malformed, or the new version is damaged or does not fit the spec.
        """
        self._champion.await_look(_CHAMPION_SECONDS)
        with self._refreshing:
            text = self._registry.tag(ROLLOUT)
            routing = self._read(text) if text else None
            if routing is None:
                self._live, self._tallies = None, {}
            elif self._live is None or self._live.routing != routing or not self._fits(self._live):
                self._live = self._begin(routing)  # one assignment: a reader sees the old step or the new
            self._problem = None

    def _read(self, text: str) -> Routing:
        try:
            return Routing.from_text(text)
        except ValueError as error:
            self._live = None
            raise ServiceRejectedError(str(error), conn_id=CONN_ID) from None

    def _fits(self, live: LiveRollout) -> bool:
        return live.champion is self._champion.current()

    def _begin(self, routing: Routing) -> LiveRollout | None:
        champion = self._champion.current()
        if champion.version != routing.champion:
            log.info("version %d is the champion: the rollout beside %d is over", champion.version, routing.champion)
            return None
        tally = self._tally(routing)
        try:
            challenger = self._champion.load(routing.version)
        except ServiceRejectedError:
            self._live = None
            tally.refused()
            raise
        log.info("from now on version %d answers a share of %g", routing.version, routing.share)
        return LiveRollout(routing, champion, challenger, tally)

    def _tally(self, routing: Routing) -> Tally:
        """One a step, also where the step is begun again."""
        if routing.sequence not in self._tallies:
            drop_older(self._folder, routing.sequence)
            step = self._folder / str(routing.sequence)
            self._tallies = {routing.sequence: Tally(step, routing.edges)}
        return self._tallies[routing.sequence]
