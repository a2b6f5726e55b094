"""The cascading backfill: corrected partitions of events, and all that is computed from them, in order and at once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.clients.sources import ReadQuery
from ai_patterns.core.days import Days, runs_of
from ai_patterns.jobs.availability import count_rows
from ai_patterns.jobs.correction import Correction, correct
from ai_patterns.jobs.dependents import Dependent, dependents, sized
from ai_patterns.jobs.features import build_tiles, build_values
from ai_patterns.jobs.feedback import LABELS, PERFORMANCE, label_rows
from ai_patterns.jobs.label_log import label_log
from ai_patterns.jobs.parity_tables import SUMMARY
from ai_patterns.jobs.resting import resting_on
from ai_patterns.jobs.staged_lake import StagedLake
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.jobs.training_set import TABLE as TRAINING_SETS
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.jobs.turning import MovedError, turn, versions_of
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_JUDGEMENTS = ("checks", PERFORMANCE, SUMMARY, "certificates")

Partitions = Mapping[str, Mapping[str, int]]
"""Table -> day -> rows that come or go."""


@dataclass(frozen=True)
class BackfillPlan:
    """What a backfill would do.

    Attributes:
        corrected: the partitions of events and of quarantine that differ.
        dependents: the partitions that are computed again, in order; only those that come out otherwise are replaced.
        models: versions whose training days it can reach -> their predictions. They stay; train again.
        predictions: those that rest on the events as they are -> by model version. They stay as they were made.
        judgements: rows of `checks`, `performance` and the like about these days. They stay; judge again.
    """

    corrected: Partitions
    dependents: tuple[Dependent, ...]
    models: Mapping[int, int]
    predictions: Mapping[int, int]
    judgements: Mapping[str, int]


def plan_backfill(
    system: SystemSpec, lake: Lake, registry: Registry, correction: Correction, read_query: ReadQuery | None = None
) -> BackfillPlan:
    """What rests on the partitions and how large it is; nothing is written but staging, which is removed again.

    Raises:
        LookupError: the system has no such stream.
        ServiceUnavailableError: a source, the lake or the registry is away.
        DataQualityError: the corrected days fail their audit.
    """
    staged = StagedLake.over(lake, f"{correction.run_id}-dry-run")
    staged.staging.discard()
    try:
        for stream in correction.streams:
            correct(system, staged, stream, correction, read_query=read_query, record=False)
        corrected = staged.partitions()
        for name in _groups(system, correction):
            build_tiles(system, staged, correction.days, name)
        found = dependents(system, staged, correction.streams, correction.days)
    finally:
        staged.staging.discard()
    models, predictions = _facts(system, lake, registry, correction)
    reached = [day for days in found.values() for day in days] or list(correction.days)
    judged = {table: count_rows(lake, table, Days(min(reached), max(reached))) for table in _JUDGEMENTS}
    sizes = tuple(sized(lake, table, days) for table, days in found.items())
    return BackfillPlan(corrected, sizes, models, predictions, {table: rows for table, rows in judged.items() if rows})


def backfill(system: SystemSpec, lake: Lake, correction: Correction, read_query: ReadQuery | None = None) -> Partitions:
    """Correct the partitions, compute what depends on them, and turn all readers at once.

    Only partitions whose rows differ are replaced. After an interruption the same call goes on where it was.

    Returns:
        The replaced partitions, in the order in which they were made.

    Raises:
        LookupError: the system has no such stream.
        ServiceUnavailableError: a source or the lake is away, another backfill is half done, or other writers changed
            the tables again and again.
        DataQualityError: the corrected days fail their audit; nothing is replaced.
    """
    staged = StagedLake.over(lake, correction.run_id)
    for attempt in range(_ATTEMPTS):
        try:
            if lake.held()[0] != correction.run_id:
                _stage(system, staged, correction, read_query)
            partitions = staged.partitions()
            if partitions:
                turn(staged)
            break
        except MovedError:
            if attempt == _ATTEMPTS - 1:
                raise
    staged.staging.discard()
    log.info("backfill of %s: %d partitions replaced", correction.days, sum(map(len, partitions.values())))
    return partitions


def newest_changed(system: SystemSpec, lake: Lake, partitions: Partitions | None) -> Days | None:
    """The newest day of the value logs, where a backfill has changed one of its partitions: online values follow it.

    Args:
        system: the system's spec.
        lake: its lake.
        partitions: what was replaced; None where that is not known, and the day counts as changed.
    """
    logs = [f"values/{name}" for name in system.groups]
    known = [facts.last_day for facts in (table_facts(lake, log) for log in logs) if facts and facts.last_day]
    newest = max(known, default=None)
    changed = partitions is None or any(str(newest) in partitions.get(table, {}) for table in logs)
    return Days(newest, newest) if newest is not None and changed else None


def _stage(system: SystemSpec, staged: StagedLake, correction: Correction, read_query: ReadQuery | None) -> None:
    """Do what is not done yet; from the beginning where the request or a table is another one."""
    base = versions_of(staged.staging.lake, _tables(system))
    journal = staged.journal
    if (journal["request"], journal["base"]) != (correction.to_json(), base):
        staged.staging.discard()
        staged.note(request=correction.to_json(), base=base)
    for name, step in _steps(system, staged, correction, read_query):
        done = staged.journal["steps"]
        if name not in done:
            step()
            staged.note(steps=[*done, name])


def _steps(
    system: SystemSpec, staged: StagedLake, correction: Correction, read_query: ReadQuery | None
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each step in order; those before are done when the next one is asked for."""
    for stream in correction.streams:
        yield f"correct {stream}", partial(correct, system, staged, stream, correction, read_query=read_query)
    groups = _groups(system, correction)
    for name in groups:
        yield f"tiles/{name}", partial(build_tiles, system, staged, correction.days, name)
    found = dependents(system, staged, correction.streams, correction.days)
    for name in groups:
        for run in runs_of(found.get(f"values/{name}", ())):
            yield f"values/{name} {run}", partial(build_values, system, staged, run, name)
    for run in runs_of(found.get(LABELS, ())):
        yield f"{LABELS} {run}", partial(_build_labels, system, staged, run)
    for run in runs_of(found.get(TRAINING_SETS, ())):
        yield f"{TRAINING_SETS} {run}", partial(build_training_set, system, staged, run)


def _build_labels(system: SystemSpec, lake: Lake, days: Days) -> None:
    labels = label_log(system, lake, days.end)
    known_at = labels["label_known_at"]
    known = labels.filter(pc.greater_equal(known_at, pa.scalar(days.start, known_at.type)))
    lake.replace_days(LABELS, label_rows(system, known), days)


def _groups(system: SystemSpec, correction: Correction) -> list[str]:
    return [name for name, group in system.groups.items() if group.stream in correction.streams]


def _tables(system: SystemSpec) -> list[str]:
    """All tables that a backfill reads or replaces."""
    dated = [f"{part}/{name}" for part in ("events", "quarantine") for name in system.streams]
    dated += [f"{part}/{name}" for part in ("tiles", "values") for name in system.groups]
    return [*dated, *(f"dimensions/{name}" for name in system.dimensions), LABELS, TRAINING_SETS]


def _facts(
    system: SystemSpec, lake: Lake, registry: Registry, correction: Correction
) -> tuple[dict[int, int], dict[int, int]]:
    """Models and predictions that rest on the partitions as they are."""
    models: dict[int, int] = {}
    predictions: dict[str, int] = {}
    for stream in correction.streams:
        for day in correction.days:
            if count_rows(lake, f"events/{stream}", Days(day, day)):
                found = resting_on(system, lake, registry, stream, day)
                models |= found.models
                columns = (found.predictions[name].to_pylist() for name in ("prediction_id", "model_version"))
                predictions |= dict(zip(*columns, strict=True))
    return models, dict(sorted(Counter(predictions.values()).items()))
