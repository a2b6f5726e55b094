"""Logged vectors recomputed: as they should have been, and as they would have been at another instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.core.cells import Array, to_cells
from ai_patterns.core.parity import Vectors
from ai_patterns.core.point_in_time import point_in_time_sql, unknown_entities_sql
from ai_patterns.core.predictions import json_value
from ai_patterns.core.vectors import add_on_demand
from ai_patterns.engines import duckdb
from ai_patterns.spec.expressions import names_in, parse_expression
from ai_patterns.spec.system import SystemSpec

NUMBER = "row_number_"
"""Column that keeps the order of the vectors through a join."""


@dataclass(frozen=True)
class Recomputation:
    """The training path for some logged vectors.

    Attributes:
        system: the system.
        lake: its lake.
        rows: the decisions' inputs, `decided_at` and `served_at`, one row a vector.
        features: the model's features that are no inputs.
        relations: what the stored features are read from.
    """

    system: SystemSpec
    lake: Lake
    rows: pa.Table
    features: tuple[str, ...]
    relations: Mapping[str, object]

    @cached_property
    def stored(self) -> pa.Table:
        """Inputs and stored features as they were known at `decided_at`."""
        return self.stored_at(self.rows["decided_at"])

    def stored_at(self, instants: pa.ChunkedArray, instead: Mapping[str, object] | None = None) -> pa.Table:
        """Inputs and stored features as they were known at `instants`.

        Args:
            instants: one for each vector, UTC.
            instead: relations that stand in for the lake's present ones.
        """
        return self._join(point_in_time_sql(self.system), instants, instead)

    @cached_property
    def unknown(self) -> dict[str, Array]:
        """For each feature, where the lake knew nothing of an entity that the feature reads."""
        table = self._join(unknown_entities_sql(self.system), self.rows["decided_at"], None)
        gaps = {name: table[f"__{name}"].to_numpy() for name in self.groups}
        return {
            name: np.logical_or.reduce([np.zeros(self.rows.num_rows, bool), *(gaps[group] for group in groups)])
            for name, groups in self.groups_of.items()
        }

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups and lookups."""
        return (*self.system.groups, *self.system.lookups)

    @cached_property
    def reads(self) -> dict[str, frozenset[str]]:
        """For each feature, the inputs and stored columns that it comes from."""
        known: dict[str, frozenset[str]] = {}
        for name, text in self.system.on_demand.items():
            names = names_in(parse_expression(text))
            known[name] = frozenset().union(*(known.get(item, frozenset({item})) for item in names))
        return {name: known.get(name, frozenset({name})) for name in self.features}

    @cached_property
    def groups_of(self) -> dict[str, frozenset[str]]:
        """For each feature, the groups and lookups that it comes from."""
        stored = set(self.system.feature_columns)
        return {
            name: frozenset(column.partition("__")[0] for column in columns if column in stored)
            for name, columns in self.reads.items()
        }

    def touched(self, groups: Iterable[str]) -> list[str]:
        """The features that come from any of the groups."""
        chosen = set(groups)
        return [name for name in self.features if self.groups_of[name] & chosen]

    def vectors(self, stored: pa.Table, names: Iterable[str], on_demand: Mapping[str, str] | None = None) -> Vectors:
        """The features `names` from stored ones.

        Args:
            stored: inputs and stored features.
            names: of these features.
            on_demand: expressions in place of the system's.
        """
        system = self.system
        if on_demand is not None:
            system = system.model_copy(update={"on_demand": dict(on_demand)})
        table = add_on_demand(system, stored)
        return {name: to_cells([json_value(value) for value in table[name].to_pylist()]) for name in names}

    def mixed(self, other: pa.Table, groups: Iterable[str]) -> pa.Table:
        """The stored features, those of `groups` taken from `other`."""
        chosen, table = set(groups), self.stored
        for index, name in enumerate(table.column_names):
            if name in self.system.feature_columns and name.partition("__")[0] in chosen:
                table = table.set_column(index, name, other[name])
        return table

    def take(self, rows: Array) -> Recomputation:
        """The recomputation of the vectors at `rows`."""
        return replace(self, rows=self.rows.take(rows))

    def _join(self, sql: str, instants: pa.ChunkedArray, instead: Mapping[str, object] | None) -> pa.Table:
        inputs = self.rows.select(list(self.system.decision.inputs))
        decisions = inputs.append_column("decided_at", instants)
        decisions = decisions.append_column(NUMBER, pa.array(range(self.rows.num_rows), pa.int64()))
        relations = {**self.relations, **(instead or {}), "decisions": decisions}
        return duckdb.run(sql, relations).sort_by(NUMBER)
