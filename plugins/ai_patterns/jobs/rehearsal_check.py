"""Two rehearsals of the same days held against each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import CHAMPION
from ai_patterns.core.days import Days
from ai_patterns.core.predictions import TABLE as PREDICTIONS
from ai_patterns.jobs.feedback import PERFORMANCE
from ai_patterns.jobs.rehearsal import Rehearsal
from ai_patterns.jobs.retraining import RETRAININGS
from ai_patterns.jobs.training_set import TABLE as TRAINING_SETS


def differences(one: Rehearsal, other: Rehearsal, days: Days) -> list[str]:
    """What of the lived days, the decisions and the champion differs, in words; nothing where all is equal.

    Args:
        one: a rehearsal.
        other: another one of the same system.
        days: the days that both lived through.
    """
    of_days = [
        (table, *(_by_decision(each, table, days) for each in (one, other))) for table in (TRAINING_SETS, PREDICTIONS)
    ]
    whole = [(table, *(_sorted(each.lake, table) for each in (one, other))) for table in (PERFORMANCE, RETRAININGS)]
    found = [f"{name}: {told}" for name, *both in (*of_days, *whole) if (told := _unlike(*both))]
    ledgers = [_ledger(each.lake) for each in (one, other)]
    if ledgers[0] != ledgers[1]:
        found.append(f"ledger: {ledgers[0]} instead of {ledgers[1]}")
    return [*found, *_champions(one, other)]


def _ledger(lake: Lake) -> list[tuple[Any, ...]]:
    return [(line.at, line.action, line.version, line.previous) for line in read_promotions(lake)]


def _champions(one: Rehearsal, other: Rehearsal) -> Iterator[str]:
    cards = [side.registry.load_onnx(side.registry.require_alias(CHAMPION)).card for side in (one, other)]
    for name in ("days", "evaluation_days", "rows", "evaluation_rows", "metrics"):
        if cards[0][name] != cards[1][name]:
            yield f"champion: {name} {cards[0][name]} instead of {cards[1][name]}"


def _by_decision(rehearsal: Rehearsal, table: str, days: Days) -> pa.Table:
    order = [(name, "ascending") for name in ("decided_at", *rehearsal.system.decision_stream.key)]
    return rehearsal.lake.read(table, days).sort_by(order)


def _sorted(lake: Lake, table: str) -> pa.Table:
    if not lake.exists(table):
        return pa.table({})
    rows = lake.read(table)
    # Lists have no order; the columns beside them tell the rows apart.
    flat = sorted(field.name for field in rows.schema if not pa.types.is_nested(field.type))
    return rows.sort_by([(name, "ascending") for name in flat])


def _unlike(one: pa.Table, other: pa.Table) -> str:
    """What differs between two tables; empty where nothing does."""
    if one.num_rows != other.num_rows:
        return f"{one.num_rows} rows instead of {other.num_rows}"
    unlike = [name for name in other.column_names if _bits(one[name]) != _bits(other[name])]
    return f"{', '.join(unlike)} differ" if unlike else ""


def _bits(column: pa.ChunkedArray) -> Any:
    """Values that compare as equal where they are the same: NaN is."""
    return [repr(value) for value in column.to_pylist()]
