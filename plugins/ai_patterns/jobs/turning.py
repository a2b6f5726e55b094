"""Turning the lake's readers from the tables before a backfill to those after it, in one commit."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping

import pyarrow as pa
from deltalake import DeltaTable

from ai_patterns.clients.holds import SCHEMA, TABLE, read_number
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.clock import utc_now
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs.staged_lake import StagedLake

log = logging.getLogger(__name__)


class MovedError(ServiceUnavailableError):
    """A table that the staged rows were made from has changed since: make them again."""


def versions_of(lake: Lake, tables: Iterable[str]) -> dict[str, int]:
    """The newest versions of tables, whatever is held; -1 for one that is not there."""
    return {table: _newest(lake, table).version() if lake.exists(table) else -1 for table in tables}


def turn(staged: StagedLake) -> int:
    """Replace the staged partitions, table by table behind a hold, and lift it; after an interruption, go on.

    Readers of `Lake` see the tables from before the hold until the one commit that lifts it. Whoever reads a table by
    its path sees it change by itself, in the order in which the partitions were made.

    Returns:
        The number of changed partitions.

    Raises:
        MovedError: a table has changed since the rows were made; nothing is replaced.
        ServiceUnavailableError: another backfill is at it.
    """
    lake, name, partitions = staged.staging.lake, staged.staging.run_id, staged.partitions()
    number = read_number(lake.path(TABLE), lake.options)
    base: Mapping[str, int] = staged.journal["base"]
    if number % 2 == 0:
        _require_unmoved(lake, base)
        number += 1
        _write(lake, number, name, {table: base[table] for table in partitions}, partitions)
    elif lake.held()[0] != name:
        raise ServiceUnavailableError(f"the backfill {lake.held()[0]!r} is half done: run it again first")
    app = f"backfills#{number}"
    if all(_newest(lake, table).transaction_version(app) is None for table in partitions):
        try:
            _require_unmoved(lake, base)  # a writer may have come before the hold
        except MovedError:
            _write(lake, number + 1, name, {}, {})
            raise
    for table, days in partitions.items():
        predicate = " OR ".join(f"{DAY} = '{day}'" for day in days)
        version = lake.replace_once(table, staged.read_changed(table), predicate, app)
        log.info("%s: %d partitions, version %d", table, len(days), version)
    _write(lake, number + 1, name, {}, {})
    return sum(map(len, partitions.values()))


def _require_unmoved(lake: Lake, base: Mapping[str, int]) -> None:
    moved = [table for table, version in versions_of(lake, base).items() if version != base[table]]
    if moved:
        raise MovedError(f"{', '.join(moved)} changed while the backfill was at work: run it again")


def _write(
    lake: Lake, number: int, name: str, versions: Mapping[str, int], partitions: Mapping[str, Mapping[str, int]]
) -> None:
    row = {
        "number": number,
        "at": utc_now(),
        "backfill": name,
        "versions": json.dumps(versions),
        "partitions": json.dumps(partitions),
    }
    if not lake.append_fenced(TABLE, pa.Table.from_pylist([row], SCHEMA), app=TABLE, number=number):
        raise ServiceUnavailableError("another backfill came first: run this one again")


def _newest(lake: Lake, table: str) -> DeltaTable:
    return DeltaTable(lake.path(table), storage_options=dict(lake.options))
