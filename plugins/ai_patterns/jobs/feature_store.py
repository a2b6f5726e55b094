"""The feature store of a system: apply its Feast repository, fill its online store, watch its freshness."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from ai_patterns.clients.feast import apply_definitions, latest_values, open_store, write_online
from ai_patterns.clients.feast_repository import TIMESTAMP_FIELD, view_names, view_table, write_repository
from ai_patterns.clients.freshness import Freshness, freshness_ledger, read_freshness
from ai_patterns.clients.lake import Lake
from ai_patterns.spec.system import SystemSpec

MAX_AGE = dt.timedelta(days=1)

log = logging.getLogger(__name__)


def apply_repository(system: SystemSpec, lake: Lake, folder: Path | str) -> dict[str, int]:
    """Write the system's Feast repository into `folder` and apply it; a second run changes nothing.

    Returns:
        Number of entities, views and services in the registry.

    Raises:
        SpecError: an entity column has a type that Feast cannot look up.
    """
    path = write_repository(system, lake, folder)
    counts = apply_definitions(path)
    log.info("applied %s: %d entities, %d feature views", path, counts["entities"], counts["views"])
    return counts


def materialize(
    system: SystemSpec, lake: Lake, folder: Path | str, at: dt.datetime, *, overwrite_newer: bool = False
) -> dict[str, int]:
    """Bring every feature view's values as of `at` into Feast's online store.

    A view that already holds the values of a later instant is left alone.

    Args:
        system: the system's spec.
        lake: where its values lie.
        folder: the applied Feast repository.
        at: the instant (UTC) whose values are wanted: for each entity the newest row with `valid_from <= at`.
        overwrite_newer: whether to go back to `at` even where the online store is ahead of it.

    Returns:
        Number of entities written for each view; 0 for a view that was left alone.

    Raises:
        ServiceUnavailableError: the repository was not applied, or the lake lacks a view's table.
    """
    store = open_store(folder)
    counts: dict[str, int] = {}
    with freshness_ledger(folder) as ledger:
        for name in view_names(system):
            if not overwrite_newer and ledger.is_ahead(name, at):
                log.info("%s already holds later values than those of %s: left alone", name, at)
                counts[name] = 0
                continue
            lake.open(view_table(system, name))
            view = store.get_feature_view(name)
            rows = latest_values(store, view, at)
            ledger.begin(name, at)
            counts[name] = write_online(store, view, rows)
            ledger.finish(name, at, pc.max(rows.column(TIMESTAMP_FIELD)).as_py(), counts[name])
    log.info("materialized %d entities of %d views as of %s", sum(counts.values()), len(counts), at)
    return counts


def check_freshness(
    system: SystemSpec, lake: Lake, folder: Path | str, now: dt.datetime, max_age: dt.timedelta = MAX_AGE
) -> list[dict[str, Any]]:
    """How old the online values of each view are at `now`, in the form of the lake's `checks`.

    Returns:
        One verdict a view: `value` and `bound` are hours since the instant whose values are online.
    """
    held = read_freshness(folder)
    return [
        _verdict(view, held.get(view), now, max_age)
        | {"detail": _detail(held.get(view), lake, view_table(system, view))}
        for view in view_names(system)
    ]


def _verdict(view: str, held: Freshness | None, now: dt.datetime, max_age: dt.timedelta) -> dict[str, Any]:
    hours = (now - held.as_of).total_seconds() / 3600 if held else None
    bound = max_age.total_seconds() / 3600
    passed = hours is not None and hours <= bound
    return {"check": "online_freshness", "subject": view, "value": hours, "bound": bound, "passed": passed}


def _detail(held: Freshness | None, lake: Lake, table: str) -> str:
    if held is None:
        return "never materialized" if lake.exists(table) else "never materialized, and the lake has no values yet"
    newest = held.newest_valid_from.isoformat() if held.newest_valid_from else "none"
    return f"{held.entities} entities as of {held.as_of.isoformat()}; newest change {newest}"
