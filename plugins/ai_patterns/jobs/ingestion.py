"""The data pipeline's units of work: extract, audit, publish, all of it, and readmit.

A reader of the lake never sees an unaudited row: rows lie in staging until every day of the run has
passed, and each table then changes in one commit.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.sources import ReadQuery
from ai_patterns.clients.staging import Staging
from ai_patterns.core.days import Days
from ai_patterns.errors import DataQualityError
from ai_patterns.jobs.audit import AuditReport, audit
from ai_patterns.jobs.extraction import extract, load_dimensions
from ai_patterns.jobs.readmission import ReadmissionReport, readmit
from ai_patterns.jobs.stream_audit import StreamAudit
from ai_patterns.spec.system import SystemSpec

__all__ = [
    "AuditReport",
    "IngestionReport",
    "ReadmissionReport",
    "StreamAudit",
    "audit",
    "extract",
    "ingest",
    "load_dimensions",
    "publish",
    "publish_landed",
    "readmit",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestionReport:
    """What a run brought into the lake.

    Attributes:
        days: the published days.
        published: good rows by stream.
        quarantined: bad rows by stream and `column: reason`.
        dimensions: rows of each dimension table.
    """

    days: Days
    published: dict[str, int]
    quarantined: dict[str, dict[str, int]]
    dimensions: dict[str, int]


def publish(system: SystemSpec, lake: Lake, days: Days, *, run_id: str) -> dict[str, int]:
    """Replace the partitions of `days` by the run's audited rows, one commit a table.

    Returns:
        Published rows by stream.

    Raises:
        DataQualityError: the run's files were not audited for these days, or changed since.
    """
    staging = Staging(lake, run_id)
    _require_audited(system, staging, days)
    counts = {}
    for name in system.streams:
        good, bad = staging.read(f"{name}.good"), staging.read(f"{name}.quarantine")
        # Bad rows first: should the process die between, no row has vanished from both tables.
        lake.replace_days(f"quarantine/{name}", bad, days)
        lake.replace_days(f"events/{name}", good, days)
        counts[name] = good.num_rows
        log.info("Published %d rows of %s for %s; %d are in quarantine.", good.num_rows, name, days, bad.num_rows)
    return counts


def ingest(
    system: SystemSpec,
    lake: Lake,
    days: Days,
    *,
    run_id: str,
    read_query: ReadQuery | None = None,
    overrides: Mapping[str, str] | None = None,
) -> IngestionReport:
    """Extract and audit `days`, load the dimension tables, and publish.

    Raises:
        ServiceUnavailableError: a source is away.
        DataQualityError: a day or a dimension failed its audit; nothing is published.
    """
    extract(system, lake, days, run_id=run_id, read_query=read_query, overrides=overrides)
    report = audit(system, lake, days, run_id=run_id)
    dimensions = load_dimensions(system, lake, read_query, overrides)
    published = publish(system, lake, days, run_id=run_id)
    Staging(lake, run_id).discard()
    quarantined = {name: item.refused for name, item in report.streams.items()}
    return IngestionReport(days, published, quarantined, dimensions)


def publish_landed(
    system: SystemSpec, lake: Lake, days: Days, offsets: Mapping[str, Mapping[int, int]], *, run_id: str
) -> dict[str, int]:
    """Audit and publish the days from what landed of the topics before `offsets`, by stream and partition.

    Streams without a topic are extracted from their sources.

    Returns:
        Published rows by stream.

    Raises:
        ServiceUnavailableError: a source is away, or a topic never landed.
        DataQualityError: a day failed its audit; nothing is published.
    """
    extract(system, lake, days, run_id=run_id, origin="topics", offsets=offsets)
    audit(system, lake, days, run_id=run_id)
    published = publish(system, lake, days, run_id=run_id)
    Staging(lake, run_id).discard()
    return published


def _require_audited(system: SystemSpec, staging: Staging, days: Days) -> None:
    facts = staging.audited()
    if facts is None:
        raise DataQualityError(f"run {staging.run_id!r} has not passed an audit; nothing is published")
    if facts["days"] != str(days):
        raise DataQualityError(f"run {staging.run_id!r} was audited for {facts['days']}, not for {days}")
    for name in system.streams:
        for part in (name, f"{name}.good", f"{name}.quarantine"):
            if staging.digest(part) != facts["digests"].get(part):
                raise DataQualityError(f"{part!r} of run {staging.run_id!r} changed after its audit; audit it again")
