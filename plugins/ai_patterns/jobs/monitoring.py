"""Monitoring: features, predictions and quality, each compared with what was before."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.drift import Finding, judge
from ai_patterns.core.drift_rule import history_days
from ai_patterns.core.row_batches import Rows
from ai_patterns.engines import duckdb
from ai_patterns.errors import DriftDetectedError
from ai_patterns.jobs.checks import CheckRow, record_checks
from ai_patterns.jobs.prediction_features import prediction_features
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
FeaturesOf = Literal["training_sets", "predictions"]


@dataclass(frozen=True)
class MonitoringReport:
    """What one check found.

    Attributes:
        days: the window that was judged.
        rows: every verdict, as in the table `checks`.
    """

    days: Days
    rows: tuple[CheckRow, ...] = ()

    @property
    def alarms(self) -> tuple[str, ...]:
        """The failed verdicts in words, the worst first."""
        failed = sorted((row for row in self.rows if not row.passed), key=_excess, reverse=True)
        return tuple(f"{row.subject}: {row.check} {row.value or 0:.3f} ({row.detail})" for row in failed)

    def require_calm(self) -> None:
        """Pass silently without an alarm.

        Raises:
            DriftDetectedError: at least one check raised an alarm.
        """
        if self.alarms:
            raise DriftDetectedError(f"{len(self.alarms)} alarms on {self.days}: {'; '.join(self.alarms[:5])}")


def check_drift(
    system: SystemSpec, lake: Lake, days: Days, *, features_of: FeaturesOf = "training_sets", fail: bool = False
) -> MonitoringReport:
    """Compare the model's features on `days` with those before; record family `drift`, with one decision on an alarm.

    Args:
        system: the system; `monitoring` holds the contract's bounds and the length of the reference.
        lake: its lake.
        days: the window.
        features_of: the table that holds the features.
        fail: raise on an alarm, after the verdicts were recorded.

    Raises:
        DriftDetectedError: with `fail`, when a check raised an alarm.
    """
    if not lake.exists(features_of):
        return _nothing(days, f"there is no table {features_of} yet")
    rows = _features(system, lake, _with_history(system, days), features_of)
    words = [name for name in system.model.columns if name in system.model.categorical]
    numbers = [name for name in system.model.columns if name not in system.model.categorical]
    findings = judge(rows, days, numbers, words, system.monitoring)
    return _record(lake, findings, family="drift", days=days, fail=fail)


def check_predictions(system: SystemSpec, lake: Lake, days: Days, *, fail: bool = False) -> MonitoringReport:
    """Compare the scores on `days` with those of the days before; record family `predictions`.

    Raises:
        DriftDetectedError: with `fail`, when a check raised an alarm.
    """
    if not lake.exists("predictions"):
        return _nothing(days, "nothing was predicted yet")
    if not _count(lake, "predictions", days):
        return _nothing(days, "nothing was predicted on these days")
    recent = lake.dataset("predictions", Days(_before(days, days.count).first, days.last))
    rows = lake.dataset("predictions", _with_history(system, days))
    findings = judge(rows, days, ["score"], (), system.monitoring)
    return _record(lake, [*_means(recent, days), *findings], family="predictions", days=days, fail=fail)


def check_quality(system: SystemSpec, lake: Lake, days: Days, *, fail: bool = False) -> MonitoringReport:
    """Share of each stream's rows that went to quarantine on `days`; record family `quality_summary`.

    Raises:
        DriftDetectedError: with `fail`, when a stream lost more than its `max_quarantine_share`.
    """
    findings = []
    for name, stream in system.streams.items():
        kept, lost = (_count(lake, f"{kind}/{name}", days) for kind in ("events", "quarantine"))
        if kept + lost:
            share, bound = lost / (kept + lost), stream.max_quarantine_share
            detail = f"{lost} of {kept + lost} rows are in quarantine"
            findings.append(Finding("quarantined_share", name, share, bound, share <= bound, detail))
    return _record(lake, findings, family="quality_summary", days=days, fail=fail)


def _features(system: SystemSpec, lake: Lake, span: Days, features_of: FeaturesOf) -> Rows:
    names = system.model.columns
    if features_of == "predictions":
        return prediction_features(system, lake, span, names)
    return lake.dataset(features_of, span)


def _with_history(system: SystemSpec, days: Days) -> Days:
    return Days(_before(days, history_days(days.count, system.monitoring)).first, days.last)


def _before(days: Days, count: int) -> Days:
    return Days(days.first - dt.timedelta(days=count), days.first - dt.timedelta(days=1))


def _means(rows: Rows, days: Days) -> Iterator[Finding]:
    sql = """
SELECT day >= $first AS now, avg(score) AS mean, avg(CAST(len(degraded) > 0 AS INTEGER)) AS degraded, count(*) AS rows
FROM rows GROUP BY ALL"""
    found = {row["now"]: row for row in duckdb.run(sql, {"rows": rows}, parameters={"first": days.first}).to_pylist()}
    now, before = found[True], found.get(False)
    detail = f"{before['mean']:.4f} before" if before and before["mean"] is not None else "the first ones"
    yield Finding("mean_score", "score", now["mean"] or 0.0, detail=f"{now['rows']} predictions; {detail}")
    yield Finding("degraded_share", "score", now["degraded"] or 0.0, detail="share answered without some feature")


def _count(lake: Lake, table: str, days: Days) -> int:
    return int(lake.dataset(table, days).count_rows()) if lake.exists(table) else 0


def _excess(row: CheckRow) -> float:
    return row.value / row.bound if row.value is not None and row.bound else 0.0


def _nothing(days: Days, reason: str) -> MonitoringReport:
    log.info("nothing to check on %s: %s", days, reason)
    return MonitoringReport(days)


def _record(lake: Lake, findings: Iterable[Finding], *, family: str, days: Days, fail: bool) -> MonitoringReport:
    report = MonitoringReport(days, tuple(CheckRow(day=days.last, **asdict(finding)) for finding in findings))
    if report.rows:
        record_checks(lake, report.rows, family=family, days=Days(days.last, days.last))
    log.info("%s on %s: %d verdicts, %d alarms", family, days, len(report.rows), len(report.alarms))
    for alarm in report.alarms:
        log.warning("%s", alarm)
    if fail:
        report.require_calm()
    return report
