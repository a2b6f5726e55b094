"""Parity: every served vector recomputed by the training path, as it was known when it was decided on."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ai_patterns.clients.lake import Lake
from ai_patterns.core.cells import Array, Cells, same, to_cells
from ai_patterns.core.days import Days
from ai_patterns.core.parity import CAUSES, Differences, Vectors
from ai_patterns.core.predictions import json_value
from ai_patterns.core.representation import same_in_another_type
from ai_patterns.errors import ParityError
from ai_patterns.jobs.availability import missing_days
from ai_patterns.jobs.checks import CheckRow, record_checks
from ai_patterns.jobs.parity_alternatives import explain
from ai_patterns.jobs.parity_tables import Compared, write_parity
from ai_patterns.jobs.recomputation import Recomputation
from ai_patterns.jobs.served_vectors import ServedVectors, read_served, true_inputs
from ai_patterns.jobs.training_set import feature_relations
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
FAMILY = "parity"
_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class ParityReport:
    """What one check found.

    Attributes:
        days: the days that were checked.
        expected: online predictions on these days.
        compared: those that could be recomputed.
        rows: every verdict, as in the table `checks`.
    """

    days: Days
    expected: int = 0
    compared: int = 0
    rows: tuple[CheckRow, ...] = ()

    @property
    def alarms(self) -> tuple[str, ...]:
        """The failed verdicts in words, the worst first."""
        failed = sorted((row for row in self.rows if not row.passed), key=lambda row: -(row.value or 0.0))
        return tuple(f"{row.subject}: {row.detail}" for row in failed)

    def require_parity(self) -> None:
        """Pass silently where every vector was compared and none differs beyond the spec's bounds.

        Raises:
            ParityError: names the features, and what made them differ.
        """
        if self.alarms:
            raise ParityError(
                f"{len(self.alarms)} failures of parity on {self.days}: {'; '.join(self.alarms[:5])}. The table "
                "`parity` has each difference; `ai-patterns parity SYSTEM --prediction ID` shows one vector"
            )


def check_parity(system: SystemSpec, lake: Lake, days: Days, *, fail: bool = False) -> ParityReport:
    """Compare the online predictions decided on `days` with their recomputation, bit by bit.

    Writes `parity` and `parity_summary` of these days and records the family `parity`; a second run replaces both.
    Features come from the logged inputs at `decided_at`; an input is compared with the decision's event, if the lake
    knew it by then. Nothing is compared on a day whose features are not built yet: that is a failure too.

    Args:
        system: the system; `parity` holds the bounds.
        lake: its lake.
        days: UTC days of the decision time.
        fail: raise on a failure, after all was recorded.

    Raises:
        ParityError: with `fail`, when a bound is exceeded or a vector could not be compared.
    """
    served = read_served(system, lake, days)
    expected = served.predictions.num_rows
    if not expected:
        log.info("nothing was served online on %s", days)
        return ParityReport(days)
    built = served.without(_unbuilt(system, lake, days))
    rows = [_coverage(built.predictions.num_rows, expected, days)]
    if built.predictions.num_rows:
        compared = compare(system, lake, built)
        write_parity(lake, compared, days)
        rows += _verdicts(system, compared, days)
    record_checks(lake, rows, family=FAMILY, days=Days(days.last, days.last))
    report = ParityReport(days, expected, built.predictions.num_rows, tuple(rows))
    log.info("parity on %s: %d of %d vectors, %d failures", days, report.compared, expected, len(report.alarms))
    for alarm in report.alarms:
        log.warning("%s", alarm)
    if fail:
        report.require_parity()
    return report


def compare(
    system: SystemSpec, lake: Lake, served: ServedVectors, relations: Mapping[str, object] | None = None
) -> Compared:
    """Recompute served vectors and class each difference.

    Args:
        system: the system.
        lake: its lake.
        served: at least one vector.
        relations: what its stored features are read from; the lake's logs as a whole by default.
    """
    key = system.decision_stream.key
    inputs = [name for name in system.decision.inputs if name not in key]
    features = tuple(name for name in system.model.columns if name not in system.decision.inputs)
    logged = served.cells([*inputs, *features])
    served, right, known = _right_inputs(system, lake, served, {name: logged[name] for name in inputs})
    work = Recomputation(system, lake, served.rows, features, relations or feature_relations(system, lake))
    found = Differences(logged, {**right, **work.vectors(work.stored, features)})
    explain(found, work)
    everywhere = np.ones(len(known), bool)
    forgiven = {name: _forgiven(system, found, name) for name in found.differs}
    comparable = {name: known if name in inputs else everywhere for name in found.differs}
    return Compared(served.predictions, key, found, comparable, forgiven)


def _right_inputs(
    system: SystemSpec, lake: Lake, served: ServedVectors, logged: Vectors
) -> tuple[ServedVectors, dict[str, Cells], Array]:
    """The inputs as the lake has them, and where it has them; elsewhere they are what was served.

    An input that is merely written in another way does not spoil the features that come from it: these are
    recomputed from what the lake has.
    """
    truth, right = true_inputs(system, lake, served), {}
    known = np.array([item is not None for item in truth], bool)
    for name, cells in logged.items():
        values = [item[name] if item else None for item in truth]
        found = to_cells([json_value(value) for value in values])
        right[name] = found.where(known, cells)
        served = served.reread(name, values, ~same(cells, found) & same_in_another_type(cells, found))
    return served, right, known


def _forgiven(system: SystemSpec, found: Differences, name: str) -> Array:
    stale = found.cause[name] == CAUSES.index("stale_store")
    forgiven: Array = found.differs[name] & stale & (found.age[name] <= system.parity.max_age / _HOUR)
    return forgiven


def _unbuilt(system: SystemSpec, lake: Lake, days: Days) -> set[dt.date]:
    """Days on which no group has a value: the batch layer has not been there."""
    lacking = [set(missing_days(lake, f"values/{name}", days)) for name in system.groups]
    return set.intersection(*lacking) if lacking else set()


def _coverage(compared: int, expected: int, days: Days) -> CheckRow:
    detail = f"{compared} of {expected} served vectors could be recomputed"
    if compared < expected:
        detail += "; run batch_processing for these days, then this check again"
    share = compared / expected
    return CheckRow(days.last, "parity_coverage", "predictions", share, 1.0, compared == expected, detail)


def _verdicts(system: SystemSpec, compared: Compared, days: Days) -> Iterator[CheckRow]:
    found = compared.found
    for name, differs in found.differs.items():
        count, forgiven = int(compared.comparable[name].sum()), int(compared.forgiven[name].sum())
        differing = int(differs.sum())
        share = (differing - forgiven) / count if count else 0.0
        causes = np.bincount(found.cause[name][differs], minlength=len(CAUSES))
        told = ", ".join(f"{number} {cause}" for cause, number in zip(CAUSES, causes, strict=True) if number)
        detail = f"{differing} of {count} differ" + (f": {told}; {forgiven} forgiven" if differing else "")
        bound = system.parity.max_share
        yield CheckRow(days.last, "parity", name, share, bound, share <= bound, detail)
