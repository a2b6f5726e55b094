"""The audit: staged rows against their expectations, bad rows apart, a verdict for each day."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.staging import Staging
from ai_patterns.core.days import Days
from ai_patterns.errors import DataQualityError
from ai_patterns.jobs.checks import CHECKS, CheckRow, record_checks
from ai_patterns.jobs.stream_audit import StreamAudit, audit_rows
from ai_patterns.spec.system import SystemSpec

FAMILY = "quality"


@dataclass(frozen=True)
class AuditReport:
    """What the audit found in a run.

    Attributes:
        days: the audited days.
        streams: the findings, by stream.
    """

    days: Days
    streams: dict[str, StreamAudit]

    @property
    def problems(self) -> tuple[str, ...]:
        """Each failed rule about a day in one clause."""
        return tuple(
            verdict.describe(name)
            for name, item in self.streams.items()
            for verdict in item.verdicts
            if not verdict.passed
        )

    @property
    def passed(self) -> bool:
        """Whether everything may be published."""
        return not self.problems

    def require_passed(self, run_id: str) -> None:
        """Pass silently where everything may be published.

        Raises:
            DataQualityError: a day failed.
        """
        if not self.passed:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            raise DataQualityError(f"{self.problems[0]}{more}; nothing of run {run_id!r} is published", self)


def audit(system: SystemSpec, lake: Lake, days: Days, *, run_id: str) -> AuditReport:
    """Check the staged rows, and write good and bad ones apart beside them; publish nothing.

    A day is judged by its own rows alone, so it gets the same verdict in any range. The verdicts land in `checks`.

    Raises:
        DataQualityError: a day failed; names expectation, stream, day and count, and carries the report.
    """
    staging = Staging(lake, run_id)
    streams = {name: audit_rows(system, name, staging.read(name), days, run_id) for name in system.streams}
    report = AuditReport(days, streams)
    record_verdicts(lake, report)
    report.require_passed(run_id)
    _stage(staging, report)
    return report


def record_verdicts(lake: Lake, report: AuditReport) -> None:
    """Write the verdicts on the report's streams and days to `checks`; those on other streams stay."""
    rows = _check_rows(report)
    if lake.exists(CHECKS):
        kept = lake.dataset(CHECKS, report.days).to_table(filter=ds.field("family") == FAMILY).drop_columns(["family"])
        rows += [CheckRow(**row) for row in kept.to_pylist() if row["subject"].partition(".")[0] not in report.streams]
    record_checks(lake, rows, family=FAMILY, days=report.days)


def _stage(staging: Staging, report: AuditReport) -> None:
    digests = {}
    for name, item in report.streams.items():
        for part, rows in ((f"{name}.good", item.good), (f"{name}.quarantine", item.quarantine)):
            staging.write(part, rows)
            digests[part] = staging.digest(part)
        digests[name] = staging.digest(name)
    staging.mark_audited({"days": str(report.days), "digests": digests})


def _check_rows(report: AuditReport) -> list[CheckRow]:
    return [
        CheckRow(
            item.day,
            f"{FAMILY}/{item.expectation}",
            f"{name}.{item.column}" if item.column else name,
            item.value,
            item.bound,
            item.passed,
            "" if item.passed else item.describe(name),
        )
        for name, stream in report.streams.items()
        for item in stream.verdicts
    ]
