"""A system's own feature services: named sets of features with versions, on-demand features among them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ai_patterns.clients.feast_repository import feature_types, view_names
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.vectors import add_on_demand
from ai_patterns.services.edge.errors import RequestError
from ai_patterns.services.features.answers import (
    NO_TIME,
    NOT_FOUND,
    NULL_VALUE,
    PRESENT,
    Answer,
    Column,
    given_column,
)
from ai_patterns.services.features.catalog import Catalog
from ai_patterns.spec.expressions import names_in, parse_expression
from ai_patterns.spec.features import column_name
from ai_patterns.spec.streams import ColumnType
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class NamedSet:
    """One version of a feature service.

    Attributes:
        columns: its features in order.
        stored: those, and those that its on-demand features need, which the store holds.
        inputs: what a request must bring: the decision's inputs that it needs, keys among them.
        keys: the inputs that are keys.
        kinds: type of each column and input.
        system: the system with this set's on-demand features alone.
    """

    columns: tuple[str, ...]
    stored: tuple[str, ...]
    inputs: tuple[str, ...]
    keys: tuple[str, ...]
    kinds: Mapping[str, ColumnType]
    system: SystemSpec


class NamedSets:
    """The feature services of a system.

    Args:
        system: its spec; `services` are the declared ones, and the model's own features go by the system's name.
        catalog: answers for the stored features.
    """

    def __init__(self, system: SystemSpec, catalog: Catalog) -> None:
        self._catalog = catalog
        declared = {system.name: system.model.columns, **system.service_columns}
        self._sets = {name: _named_set(system, columns) for name, columns in declared.items()}
        self._newest = {name.partition(":v")[0]: name for name in sorted(declared, key=_version)}

    def find(self, name: str) -> NamedSet | None:
        """The set; without `:v2` in its name the newest version."""
        return self._sets.get(name) or self._sets.get(self._newest.get(name, ""))

    async def answer(self, chosen: NamedSet, entities: Mapping[str, list[Any]]) -> Answer:
        """The set's features; what a row's unknown entity lacks is the declared default, with status NOT_FOUND.

        Args:
            chosen: the set.
            entities: columns of its inputs.

        Raises:
            RequestError: an input is absent or of another type.
            ServiceUnavailableError: the store cannot be read.
        """
        absent = [name for name in chosen.inputs if name not in entities]
        if absent:
            raise RequestError(f"the request lacks {', '.join(absent)}")
        inputs = {name: _input(name, entities[name], chosen.kinds[name]) for name in chosen.inputs}
        refs = [name.replace("__", ":", 1) for name in chosen.stored]
        keys = {name: entities[name] for name in chosen.keys} or {"no_key": [0] * len(next(iter(entities.values())))}
        held = await self._catalog.answer(refs, keys, full_names=True) if refs else Answer()
        stored = dict(zip(held.names, held.columns, strict=True))
        return _assemble(chosen, inputs, entities, stored)


def _version(name: str) -> int:
    return int(name.partition(":v")[2] or 0)


def _named_set(system: SystemSpec, columns: tuple[str, ...]) -> NamedSet:
    needed, expressions = set(columns), {}
    for name, text in reversed(system.on_demand.items()):
        if name in needed:
            expressions[name] = text
            needed |= names_in(parse_expression(text))
    stored = tuple(name for name in system.feature_columns if name in needed)
    views = {name.partition("__")[0] for name in stored}
    keys = tuple(sorted({key for view in views for key in system.key_of(view)}))
    inputs = tuple(name for name in system.decision.inputs if name in needed or name in keys)
    smaller = system.model_copy(update={"on_demand": dict(reversed(expressions.items()))})
    return NamedSet(columns, stored, inputs, keys, _kinds(system), smaller)


def _kinds(system: SystemSpec) -> dict[str, ColumnType]:
    kinds = {name: column.type for name, column in system.decision_stream.columns.items()}
    for view in view_names(system):
        kinds |= {column_name(view, name): kind for name, kind in feature_types(system, view).items()}
    return kinds | dict.fromkeys(system.on_demand, "double")


def _input(name: str, values: list[Any], kind: ColumnType) -> pa.Array:
    try:
        if kind == "timestamp":
            values = [None if value is None else _instant(value) for value in values]
        return pa.array(values, ARROW_TYPES[kind])
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise RequestError(f"{name}: {error}") from None


def _instant(value: Any) -> dt.datetime:
    instant = dt.datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError(f"{value!r} needs its offset from UTC, such as 2013-04-01T14:00:00Z")
    return instant.astimezone(dt.UTC)


def _assemble(
    chosen: NamedSet, inputs: Mapping[str, pa.Array], given: Mapping[str, list[Any]], stored: Mapping[str, Column]
) -> Answer:
    defaults = chosen.system.feature_defaults
    filled = {name: _with_default(stored[name], defaults.get(name)) for name in chosen.stored}
    features = {name: _feature(column.values, chosen.kinds[name]) for name, column in filled.items()}
    computed = add_on_demand(chosen.system, pa.table({**inputs, **features}))
    columns = []
    for name in chosen.columns:
        if name in filled:
            columns.append(filled[name])
        elif name in chosen.system.on_demand:
            columns.append(_computed(computed.column(name).to_pylist()))
        else:
            columns.append(given_column(given[name]))
    return Answer(list(chosen.columns), columns)


def _with_default(column: Column, default: float | None) -> Column:
    if default is None or NOT_FOUND not in column.statuses:
        return column
    values = [
        default if status == NOT_FOUND else value for value, status in zip(column.values, column.statuses, strict=True)
    ]
    return Column(values, column.statuses, column.event_timestamps)


def _feature(values: Iterable[Any], kind: ColumnType) -> pa.Array:
    if kind == "timestamp":  # stored as integers, see the repository's docstring
        return pa.array(values, pa.int64()).cast(ARROW_TYPES[kind])
    if kind == "double":  # JSON has no word for what is not finite
        values = [float(value) if isinstance(value, str) else value for value in values]
    return pa.array(values, ARROW_TYPES[kind])


def _computed(values: list[Any]) -> Column:
    statuses = [NULL_VALUE if value is None else PRESENT for value in values]
    return Column(values, statuses, [NO_TIME] * len(values))
