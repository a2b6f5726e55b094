"""Point-in-time features: what was known about each decision when it was made, as SQL."""

from __future__ import annotations

from ai_patterns.spec.features import column_name
from ai_patterns.spec.system import SystemSpec


def point_in_time_sql(system: SystemSpec) -> str:
    """SQL over `decisions`, `values_<group>` and `dimension_<name>` that adds every stored feature.

    `decisions` holds the inputs and `decided_at`; every row is kept, in no particular order. A feature of an
    unknown entity is its declared default, else null.
    """
    columns = ["decisions.*"]
    for name, group in system.groups.items():
        columns += _features(system, name, group.features)
    for name, lookup in system.lookups.items():
        columns += _features(system, name, lookup.features)
    return _select(system, columns)


def unknown_entities_sql(system: SystemSpec) -> str:
    """SQL over the same relations: `decisions` and, for each group and lookup, whether it knows nothing of the entity.

    These columns are named like the group, with two underscores before it.
    """
    names = (*system.groups, *system.lookups)
    unknown = [f"{name}.{_found(system, name)} IS NULL AS __{name}" for name in names]
    return _select(system, ["decisions.*", *unknown])


def _select(system: SystemSpec, columns: list[str]) -> str:
    joins = [_as_of(system, name) for name in system.groups]
    for name, lookup in system.lookups.items():
        on = " AND ".join(f"{name}.{key} = decisions.{key}" for key in system.key_of(name))
        joins.append(f"LEFT JOIN dimension_{lookup.dimension} AS {name} ON {on}")
    return "\n".join([f"SELECT {', '.join(columns)}", "FROM decisions", *joins])


def _found(system: SystemSpec, name: str) -> str:
    return "valid_from" if name in system.groups else system.key_of(name)[0]


def _as_of(system: SystemSpec, name: str) -> str:
    keys = [f"decisions.{key} = {name}.{key}" for key in system.key_of(name)]
    on = " AND ".join([*keys, f"decisions.decided_at >= {name}.valid_from"])
    return f"ASOF LEFT JOIN values_{name} AS {name} ON {on}"


def _features(system: SystemSpec, group: str, features: tuple[str, ...]) -> list[str]:
    found = _found(system, group)
    defaults = system.feature_defaults
    columns = []
    for feature in features:
        column, value = column_name(group, feature), f"{group}.{feature}"
        if column in defaults:
            value = f"CASE WHEN {group}.{found} IS NULL THEN {defaults[column]!r} ELSE {value} END"
        columns.append(f"{value} AS {column}")
    return columns
