"""Upkeep of a system's tables: small files merged, files of old versions removed, the log summed up."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable

from ai_patterns.clients import holds
from ai_patterns.clients.lake import Lake
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.jobs.costs import table_names
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

SAFE = dt.timedelta(days=15)
"""For so long old versions are read: the weekly parity check reads those that served a week of vectors, and may be a
week late; a reader takes up to a day. What a backfill holds is read longer, so it is waited for."""

SMALL_FILES = 8
"""Files beyond one a partition from which on they are merged."""


@dataclass(frozen=True)
class Upkeep:
    """What was done for one table, or would be.

    Attributes:
        table: its name in the lake.
        rows: its rows.
        files: its data files before.
        bytes: their size.
        merged: files that were rewritten into fewer.
        removed: files of old versions that were deleted.
    """

    table: str
    rows: int
    files: int
    bytes: int
    merged: int
    removed: int


def maintain(system: SystemSpec, lake: Lake, *, keep: dt.timedelta = SAFE, dry_run: bool = False) -> list[Upkeep]:
    """Look after every table of a system; readers and writers may go on meanwhile.

    Args:
        system: the system's spec.
        lake: its lake.
        keep: for how long the files of old versions stay.
        dry_run: only tell what would be done.

    Returns:
        One entry a table.

    Raises:
        ServiceRejectedError: `keep` is shorter than old versions are read.
        ServiceUnavailableError: a backfill is half done, whose readers stay with old versions.
    """
    if keep < SAFE:
        raise ServiceRejectedError(
            f"old versions are read for {SAFE.days} days by parity checks and running readers: keep at least those"
        )
    backfill, _ = lake.held()
    if backfill:
        raise ServiceUnavailableError(f"the backfill {backfill!r} is half done: run it to its end first")
    # What landed of a topic is looked after by the one writer that may commit to it.
    tables = [*(name for name in table_names(system) if not name.startswith("landed")), holds.TABLE]
    return [_look_after(lake, table, keep, dry_run=dry_run) for table in tables if lake.exists(table)]


def _look_after(lake: Lake, table: str, keep: dt.timedelta, *, dry_run: bool) -> Upkeep:
    handle = lake.open(table)
    files = pa.table(handle.get_add_actions(flatten=True))
    partitions = len(handle.partitions()) if handle.metadata().partition_columns else 1
    merged = 0
    if len(files) - partitions >= SMALL_FILES:
        merged = len(files) - partitions if dry_run else _merge(handle)
    hours = int(keep.total_seconds() // 3600)
    removed = len(handle.vacuum(retention_hours=hours, dry_run=dry_run, full=True))
    if not dry_run:
        handle.create_checkpoint()
    rows, size = (sum(files[name].to_pylist()) for name in ("num_records", "size_bytes"))
    log.info("%s: %d files merged, %d removed", table, merged, removed)
    return Upkeep(table, rows, len(files), size, merged, removed)


def _merge(handle: DeltaTable) -> int:
    return int(handle.optimize.compact()["numFilesRemoved"])
