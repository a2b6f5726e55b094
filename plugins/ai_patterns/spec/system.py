"""The whole system: every part, and the references between them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from ai_patterns.spec.base import Name, Part, ServiceName
from ai_patterns.spec.durations import Duration
from ai_patterns.spec.exploration import ExplorationSpec
from ai_patterns.spec.features import DimensionGroupSpec, GroupSpec, column_name, feature_name
from ai_patterns.spec.model import DecisionSpec, FeedbackSpec, GatesSpec, ModelSpec
from ai_patterns.spec.monitoring import MonitoringSpec, ParitySpec
from ai_patterns.spec.operation import SchedulesSpec, Step
from ai_patterns.spec.references import check_references
from ai_patterns.spec.rollout import RolloutSpec
from ai_patterns.spec.sources import SourceSpec
from ai_patterns.spec.streams import DimensionSpec, StreamSpec


class SystemSpec(Part):
    """One AI system, as `include/systems/<name>/system.yaml` describes it.

    Attributes:
        start: first day (UTC) of the system's data.
        engine: what makes the batch layer's tiles: DuckDB in the task, or Spark behind `ai_patterns_spark`.
        on_demand: features computed at request time; name -> expression over inputs and features.
        defaults: value that stands for a feature of an unknown entity. Without one a count or a sum is 0, since
            nothing happened to it, and every other feature is missing (NaN).
        services: named sets of features for the feature service, such as `arrivals:v2`; each member is a family of the
            model, a group or lookup (all of its features), or one feature, input or on-demand feature. Where a request
            names no version, the newest answers. The model's own features go by the system's name.
        deadlines: how long from its queueing a run of a DAG may take; a later one is counted and told of, and goes on.
        pools: the Airflow pool whose slots the tasks of a DAG take, instead of the default one.
        rollout: how a new version comes to answer; without it the champion changes from one moment to the next.
    """

    name: Name
    description: str
    owner: str = "ai-patterns"
    tags: tuple[str, ...] = ()
    start: dt.date
    engine: Literal["duckdb", "spark"] = "duckdb"
    sources: dict[Name, SourceSpec] = Field(min_length=1)
    streams: dict[Name, StreamSpec] = Field(min_length=1)
    dimensions: dict[Name, DimensionSpec] = Field(default_factory=dict)
    groups: dict[Name, GroupSpec] = Field(default_factory=dict)
    lookups: dict[Name, DimensionGroupSpec] = Field(default_factory=dict)
    on_demand: dict[Name, str] = Field(default_factory=dict)
    defaults: dict[str, float] = Field(default_factory=dict)
    services: dict[ServiceName, tuple[str, ...]] = Field(default_factory=dict)
    decision: DecisionSpec
    exploration: ExplorationSpec | None = None
    model: ModelSpec
    gates: GatesSpec
    rollout: RolloutSpec | None = None
    feedback: FeedbackSpec
    monitoring: MonitoringSpec = MonitoringSpec()
    parity: ParitySpec = ParitySpec()
    schedules: SchedulesSpec = SchedulesSpec()
    deadlines: dict[Step, Duration] = Field(default_factory=dict)
    pools: dict[Step, str] = Field(default_factory=dict)

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        check_references(self)
        return self

    @property
    def folder(self) -> Path:
        """The folder that holds `system.yaml`."""
        return self._folder

    @property
    def decision_stream(self) -> StreamSpec:
        """The stream whose events are decided on."""
        return self.streams[self.decision.stream]

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """Every stored feature as `{group}__{feature}`, groups before lookups."""
        groups: dict[str, GroupSpec | DimensionGroupSpec] = {**self.groups, **self.lookups}
        return tuple(column_name(group, feature) for group, spec in groups.items() for feature in spec.features)

    @property
    def feature_defaults(self) -> dict[str, float]:
        """What stands for a feature of an unknown entity, by column; a feature that is not named is missing."""
        empty = {
            column_name(group, feature_name(name, window)): 0.0
            for group, spec in self.groups.items()
            for name, item in spec.aggregations.items()
            if item.function in ("count", "sum")
            for window in item.windows
        }
        return empty | self.defaults

    @property
    def service_columns(self) -> dict[str, tuple[str, ...]]:
        """Feature service -> its columns in declared order, each once."""
        return {
            name: tuple(dict.fromkeys(column for member in members for column in self._members(member)))
            for name, members in self.services.items()
        }

    def _members(self, name: str) -> tuple[str, ...]:
        groups: dict[str, GroupSpec | DimensionGroupSpec] = {**self.groups, **self.lookups}
        if name in groups:
            return tuple(column_name(name, feature) for feature in groups[name].features)
        return self.model.features.get(name, (name,))

    def key_of(self, group: str) -> tuple[str, ...]:
        """The entity columns of a group or a lookup."""
        if group in self.groups:
            return self.groups[group].key
        return self.dimensions[self.lookups[group].dimension].key
