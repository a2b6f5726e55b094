"""Corrections: the partitions of events as they should have been, from where the better rows are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ai_patterns.clients.sources import ReadQuery
from ai_patterns.core.days import Days
from ai_patterns.jobs.audit import AuditReport, record_verdicts
from ai_patterns.jobs.extraction import landed_rows, raw_rows
from ai_patterns.jobs.readmission import readmit
from ai_patterns.jobs.staged_lake import StagedLake
from ai_patterns.jobs.stream_audit import audit_rows
from ai_patterns.spec.system import SystemSpec

Origin = Literal["sources", "topics", "quarantine", "lake"]


@dataclass(frozen=True)
class Correction:
    """What is corrected, and by what.

    Attributes:
        days: partitions of events; a row that moves from one day to another needs both.
        streams: the corrected streams.
        origin: `sources` and `topics` extract the days again, `quarantine` readmits what now passes, `lake` takes the
            events as they stand, corrected by other means.
        overrides: source name -> a file to read instead, for `sources`.
        fix_sql: mends the rows in quarantine (see `jobs.readmission`).
    """

    days: Days
    streams: tuple[str, ...]
    origin: Origin = "sources"
    overrides: Mapping[str, str] = field(default_factory=dict)
    fix_sql: str | None = None

    @classmethod
    def of(
        cls,
        system: SystemSpec,
        days: Days,
        streams: Sequence[str] | None = None,
        origin: Origin = "sources",
        overrides: Mapping[str, str] | None = None,
        fix_sql: str | None = None,
    ) -> Correction:
        """The correction of some of a system's streams, by default of all.

        Raises:
            LookupError: the system has no such stream, or no such source.
        """
        for wanted, kind, there in ((streams, "stream", system.streams), (overrides, "source", system.sources)):
            unknown = next((name for name in wanted or () if name not in there), None)
            if unknown is not None:
                raise LookupError(f"{system.name!r} has no {kind} {unknown!r}; it has {', '.join(there)}")
        return cls(days, tuple(streams or system.streams), origin, dict(overrides or {}), fix_sql)

    @property
    def run_id(self) -> str:
        """Name of the backfill; one that is asked for again is taken up."""
        return f"backfill-{str(self.days).replace('/', '_')}-{'-'.join(self.streams)}"

    def to_json(self) -> dict[str, Any]:
        """The correction in plain values."""
        return {**asdict(self), "days": str(self.days), "streams": list(self.streams)}


def correct(
    system: SystemSpec,
    staged: StagedLake,
    stream: str,
    correction: Correction,
    *,
    read_query: ReadQuery | None = None,
    record: bool = True,
) -> None:
    """Stage the corrected partitions of one stream's events and of its quarantine.

    Args:
        system: the system's spec.
        staged: where the rows are kept.
        stream: one of the corrected streams.
        correction: what is wanted.
        read_query: runs the queries of query sources.
        record: whether the audit's verdicts are written to `checks`.

    Raises:
        ServiceUnavailableError: a source is away.
        DataQualityError: the days fail their audit, or the SQL that mends the quarantine does not run.
    """
    days = correction.days
    if correction.origin == "lake":
        return
    if correction.origin == "quarantine":
        readmit(system, staged, stream, days, correction.fix_sql)
        return
    if correction.origin == "topics" and system.streams[stream].topic is not None:
        raw = landed_rows(system, staged, stream, days)
    else:
        raw = raw_rows(system, stream, days, read_query, correction.overrides)
    report = AuditReport(days, {stream: audit_rows(system, stream, raw, days, correction.run_id)})
    if record:
        record_verdicts(staged.staging.lake, report)
    report.require_passed(correction.run_id)
    staged.replace_days(f"quarantine/{stream}", report.streams[stream].quarantine, days)
    staged.replace_days(f"events/{stream}", report.streams[stream].good, days)
