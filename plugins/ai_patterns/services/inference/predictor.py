"""From a query to predictions: inputs, online features, the model, the log."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Any

import msgspec

from ai_patterns.clients.feast_repository import feature_types, view_names
from ai_patterns.clients.online_store import FoundFeatures
from ai_patterns.core.exploration import Assignment, assign
from ai_patterns.services.inference.features import FeatureReader
from ai_patterns.services.inference.log import PredictionLog
from ai_patterns.services.inference.logged import Scored
from ai_patterns.services.inference.model import ChampionFollower
from ai_patterns.services.inference.requests import Predictions, Query
from ai_patterns.services.inference.rollouts import LiveRollout
from ai_patterns.services.inference.rows import RowParser, parse_decided_at
from ai_patterns.services.inference.served import ServedModel
from ai_patterns.services.inference.shadow import Mirrored, Shadow
from ai_patterns.spec.features import column_name
from ai_patterns.spec.system import SystemSpec


class Job(msgspec.Struct, frozen=True):
    """A query that was read: what the model that answers it needs.

    Attributes:
        columns: the decision's inputs.
        decided_at: when each row is decided, UTC.
        model: answers all the rows.
        asked_at: when the query was read, UTC.
        live: the step of a rollout that it belongs to.
    """

    columns: dict[str, list[Any]]
    decided_at: list[dt.datetime]
    model: ServedModel
    asked_at: dt.datetime
    live: LiveRollout | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.decided_at)


class Predictor:
    """Answers queries about one system."""

    def __init__(
        self,
        system: SystemSpec,
        features: FeatureReader,
        champion: ChampionFollower,
        log: PredictionLog,
        shadow: Shadow,
    ) -> None:
        self.system, self.features, self.champion, self.log, self.shadow = system, features, champion, log, shadow
        self.parser = RowParser(system)
        self._names = {
            view: [column_name(view, feature) for feature in feature_types(system, view)] for view in view_names(system)
        }

    def prepare(self, query: Query, model: ServedModel) -> Job:
        """Read a query.

        Raises:
            RequestError: a field is missing, wrong or unknown.
        """
        columns = self.parser.parse(query.records)
        now = dt.datetime.now(dt.UTC)
        return Job(columns, parse_decided_at(query.decided_at, len(query.records), now), model, now)

    def predict(self, jobs: Sequence[Job]) -> list[Predictions]:
        """Score every row and log it; all rows of a job are scored by its model.

        Raises:
            ServiceUnavailableError: no feature store, or a full log.
        """
        answers: list[Predictions] = []
        for _, same in groupby(jobs, key=lambda job: (id(job.model), id(job.live))):
            answers += self._predict(list(same))
        return answers

    def _predict(self, jobs: list[Job]) -> list[Predictions]:
        model = jobs[0].model
        columns = _joined([job.columns for job in jobs])
        decided_at = [instant for job in jobs for instant in job.decided_at]
        rows = len(decided_at)
        found = self.features.read(columns, rows, decided_at)
        columns |= found.columns
        started = time.thread_time()
        matrix, made = model.builder.build(columns, rows)
        scores = model.predict(matrix).tolist()
        seconds = time.thread_time() - started
        scored = Scored(
            columns=columns,
            made=made,
            scores=scores,
            ids=[str(uuid.uuid4()) for _ in range(rows)],
            degraded=self._degraded(found, rows),
            decided_at=decided_at,
            served_at=[job.asked_at for job in jobs for _ in range(job.rows)],
            version=model.version,
            assignment=self._assign(columns, scores),
        )
        if rows:
            self.log.put(scored)
        ends = [*accumulate(job.rows for job in jobs)]
        if jobs[0].live is not None:
            firsts = [end - job.rows for job, end in zip(jobs, ends, strict=True)]
            self.shadow.offer(Mirrored(jobs[0].live, model, scored, firsts, seconds))
        return [self._answer(scored, slice(end - job.rows, end)) for job, end in zip(jobs, ends, strict=True)]

    def _answer(self, scored: Scored, part: slice) -> Predictions:
        explored = scored.assignment.explored[part] if scored.assignment else None
        return Predictions(
            scored.scores[part], scored.ids[part], scored.degraded[part], self.system.name, scored.version, explored
        )

    def _assign(self, columns: dict[str, list[Any]], scores: list[float]) -> Assignment | None:
        if self.system.exploration is None:
            return None
        keys = zip(*(columns[name] for name in self.system.decision_stream.key), strict=True)
        return assign(self.system.exploration, keys, scores)

    def _degraded(self, found: FoundFeatures, rows: int) -> list[list[str]]:
        lost = [(self._names[view], missing) for view, missing in found.missing.items() if True in missing]
        return [[name for names, missing in lost if missing[row] for name in names] for row in range(rows)]


def _joined(parts: Sequence[dict[str, list[Any]]]) -> dict[str, list[Any]]:
    if len(parts) == 1:
        return dict(parts[0])
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}
