"""References between the parts of a spec: each must lead somewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from ai_patterns.spec.base import refuse
from ai_patterns.spec.expressions import names_in, parse_expression
from ai_patterns.spec.model import OF_TASK

if TYPE_CHECKING:
    from ai_patterns.spec.system import SystemSpec


def check_references(system: SystemSpec) -> None:
    """Check every name that one part uses of another.

    Raises:
        PydanticCustomError: type `absent_name`, with the field, the name and the valid names in its context.
    """
    _check_groups(system)
    _check_lookups(system)
    _check_decision(system)
    _check_on_demand(system)
    _check_model(system)
    _check_gates(system)
    _check_services(system)
    _check_rollout(system)
    _check_monitoring(system)


def _require(name: str, valid: Iterable[str], *field: str) -> None:
    names = sorted(valid)
    if name not in names:
        raise PydanticCustomError(
            "absent_name",
            "there is no {name} among the {count} names that can stand here",
            {"name": repr(name), "bad": name, "count": len(names), "names": names, "field": field},
        )


def _check_groups(system: SystemSpec) -> None:
    inputs = system.decision.inputs
    for name, group in system.groups.items():
        _require(group.stream, system.streams, "groups", name, "stream")
        columns = system.streams[group.stream].columns
        for key in group.key:
            _require(key, columns, "groups", name, "key")
            _require(key, inputs, "groups", name, "key")
        for title, item in group.aggregations.items():
            if item.column is not None:
                _require(item.column, columns, "groups", name, "aggregations", title, "column")


def _check_lookups(system: SystemSpec) -> None:
    for name, lookup in system.lookups.items():
        _require(lookup.dimension, system.dimensions, "lookups", name, "dimension")
        dimension = system.dimensions[lookup.dimension]
        for column in lookup.columns:
            _require(column, dimension.columns, "lookups", name, "columns")
        for key in dimension.key:
            _require(key, system.decision.inputs, "lookups", name, "dimension")


def _check_decision(system: SystemSpec) -> None:
    decision = system.decision
    _require(decision.stream, system.streams, "decision", "stream")
    stream = system.streams[decision.stream]
    for column in decision.inputs:
        _require(column, stream.columns, "decision", "inputs")
    for column in (*stream.key, stream.event_time):
        _require(column, decision.inputs, "decision", "inputs")
    _require(decision.label.stream, system.streams, "decision", "label", "stream")
    label_columns = system.streams[decision.label.stream].columns
    _require(decision.label.column, label_columns, "decision", "label", "column")
    for column in stream.key:
        _require(column, label_columns, "decision", "label", "stream")
    for name, other in system.streams.items():
        if decision.topic is not None and decision.topic == other.topic:
            problem = f"stream {name!r} has the topic {decision.topic!r}; predictions need one of their own"
            raise refuse(problem, "decision", "topic")


def _check_on_demand(system: SystemSpec) -> None:
    known = {*system.decision.inputs, *system.feature_columns}
    for name, text in system.on_demand.items():
        try:
            tree = parse_expression(text)
        except ValueError as error:
            context = (error.context if isinstance(error, PydanticCustomError) else None) or {}
            context = {**context, "problem": str(error), "field": ("on_demand", name)}
            raise PydanticCustomError("bad_expression", "{problem}", context) from None
        for column in sorted(names_in(tree)):
            _require(column, known, "on_demand", name)
        known.add(name)


def _check_model(system: SystemSpec) -> None:
    valid = {*system.decision.inputs, *system.feature_columns, *system.on_demand}
    for family, columns in system.model.features.items():
        for column in columns:
            _require(column, valid, "model", "features", family)
    for column in system.model.categorical:
        _require(column, system.model.columns, "model", "categorical")
    for column in system.model.slices:
        _require(column, valid, "model", "slices")
    for column in system.defaults:
        _require(column, system.feature_columns, "defaults")


def _check_gates(system: SystemSpec) -> None:
    """A metric of the other task would be undefined, and a guard of it would never refuse."""
    gates, metrics = system.gates, OF_TASK[system.model.task]
    _require(gates.compare, metrics, "gates", "compare")
    for field, named in (("absolute", gates.absolute), ("guards", gates.guards)):
        for metric in named:
            _require(metric, metrics, "gates", field, metric)
    if gates.max_ece is not None:
        _require("ece", metrics, "gates", "max_ece")
    if gates.fairness is not None:
        columns = {*system.decision.inputs, *system.feature_columns, *system.on_demand}
        for column in gates.fairness.slices:
            _require(column, columns, "gates", "fairness", "slices")


def _check_services(system: SystemSpec) -> None:
    columns = {*system.decision.inputs, *system.feature_columns, *system.on_demand}
    valid = {*columns, *system.groups, *system.lookups, *system.model.features}
    for name, members in system.services.items():
        for member in members:
            _require(member, valid, "services", name)


def _check_rollout(system: SystemSpec) -> None:
    for name in system.rollout.key if system.rollout else ():
        _require(name, system.decision.inputs, "rollout", "key")


def _check_monitoring(system: SystemSpec) -> None:
    for name in system.monitoring.clocks:
        _require(name, {*system.model.columns} - {*system.model.categorical}, "monitoring", "clocks")
