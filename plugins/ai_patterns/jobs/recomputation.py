"""Logged vectors recomputed: as they should have been, and as they would have been at another instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.core.cells import Array, column_cells
from ai_patterns.core.parity import Vectors
from ai_patterns.core.point_in_time import point_in_time_sql, unknown_entities_sql
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
        narrowed: the groups that are read anew; the features of the others stay as in `base`. None: all.
        base: the stored features, where they are known already.
    """

    system: SystemSpec
    lake: Lake
    rows: pa.Table
    features: tuple[str, ...]
    relations: Mapping[str, object]
    narrowed: frozenset[str] | None = None
    base: pa.Table | None = None

    @cached_property
    def stored(self) -> pa.Table:
        """Inputs and stored features as they were known at `decided_at`."""
        return self.base if self.base is not None else self._join(point_in_time_sql(self.read), 1)

    def stored_at(self, instants: Sequence[pa.Array], instead: Mapping[str, object] | None = None) -> list[pa.Table]:
        """The narrowed groups' features as they were known at other instants, in one join.

        Args:
            instants: for each result one instant a vector, UTC.
            instead: relations that stand in for the lake's present ones.
        """
        if not instants:
            return []
        count = self.rows.num_rows
        decided = pa.chunked_array([*instants])
        table = self._join(point_in_time_sql(self.read), len(instants), decided, instead)
        return [table.slice(number * count, count) for number in range(len(instants))]

    @cached_property
    def read(self) -> SystemSpec:
        """The system with the narrowed groups and lookups alone."""
        if self.narrowed is None:
            return self.system
        groups = {name: group for name, group in self.system.groups.items() if name in self.narrowed}
        lookups = {name: lookup for name, lookup in self.system.lookups.items() if name in self.narrowed}
        return self.system.model_copy(update={"groups": groups, "lookups": lookups})

    @cached_property
    def unknown(self) -> dict[str, Array]:
        """For each feature, where the lake knew nothing of an entity that the feature reads."""
        table = self._join(unknown_entities_sql(self.system), 1)
        gaps = {name: table[f"__{name}"].to_numpy() for name in self.groups}
        return {
            name: np.logical_or.reduce([np.zeros(self.rows.num_rows, bool), *(gaps[group] for group in groups)])
            for name, groups in self.groups_of.items()
        }

    @cached_property
    def columns(self) -> frozenset[str]:
        """Every stored feature."""
        return frozenset(self.system.feature_columns)

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
        return {
            name: frozenset(column.partition("__")[0] for column in columns if column in self.columns)
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
        return {name: column_cells(table[name]) for name in names}

    def mixed(self, other: pa.Table, groups: Iterable[str]) -> pa.Table:
        """The stored features, those of `groups` taken from `other`."""
        chosen, table = set(groups) & {name.partition("__")[0] for name in other.column_names}, self.stored
        for index, name in enumerate(table.column_names):
            if name in self.columns and name.partition("__")[0] in chosen:
                table = table.set_column(index, name, other[name])
        return table

    def take(self, rows: Array, narrowed: frozenset[str] | None = None) -> Recomputation:
        """The recomputation of the vectors at `rows`, of some groups."""
        return replace(
            self,
            rows=self.rows.take(rows),
            base=self.stored.take(rows),
            narrowed=self.narrowed if narrowed is None else narrowed,
        )

    def _join(
        self,
        sql: str,
        times: int,
        instants: pa.ChunkedArray | None = None,
        instead: Mapping[str, object] | None = None,
    ) -> pa.Table:
        decisions = pa.concat_tables([self.rows.select([*self.system.decision.inputs, "decided_at"])] * times)
        if instants is not None:
            decisions = decisions.set_column(decisions.num_columns - 1, "decided_at", instants)
        decisions = decisions.append_column(NUMBER, pa.array(range(decisions.num_rows), pa.int64()))
        relations = {**self.relations, **(instead or {}), "decisions": decisions}
        return duckdb.run(sql, relations).sort_by(NUMBER)
