"""What a request for features comes down to: worked out once, kept until the registry changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feast import FeatureService, FeatureStore, FeatureView
from feast.feature_view import DUMMY_ENTITY_ID
from feast.feature_view_projection import FeatureViewProjection
from feast.utils import _get_online_request_context
from feast.value_type import ValueType

from ai_patterns.services.features.keys import EntityKeys, can_encode


@dataclass(frozen=True, eq=False)  # a key by identity: a view's own comparison is slow
class ViewRead:
    """The features of one view.

    Attributes:
        view: the view, as the request projects it.
        features: names in the store.
        names: names in the answer.
        keys: writes the entities' keys; without columns where the view has no entity.
        max_age: microseconds after which a value is too old; None keeps it for ever.
    """

    view: FeatureView
    features: tuple[str, ...]
    names: tuple[str, ...]
    keys: EntityKeys
    max_age: int | None

    @property
    def has_entity(self) -> bool:
        """Whether the view has one; else all rows share one key."""
        return self.keys.names != [DUMMY_ENTITY_ID]


@dataclass(frozen=True)
class Plan:
    """A request, but for its entities.

    Attributes:
        reads: the views in the order of the answer.
        entities: column of a request -> join key; other columns are passed over, as Feast does.
        join_keys: column -> type, of those that the views are looked up by.
        request_data: column -> type, of those that on-demand views need.
        delegate: what Feast is asked for where it must answer itself: on-demand views, precomputed vectors, versions
            of views, keys of other types.
    """

    reads: tuple[ViewRead, ...]
    entities: Mapping[str, str]
    join_keys: Mapping[str, ValueType]
    request_data: Mapping[str, ValueType] = field(default_factory=dict)
    delegate: FeatureService | list[str] | None = None


def make_plan(store: FeatureStore, features: FeatureService | list[str], full_names: bool) -> Plan:
    """Work a request out.

    Args:
        store: the open repository; its cached registry answers.
        features: a feature service, or references `view:feature`.
        full_names: whether answers are named `view__feature`.

    Raises:
        FeastError: the registry does not know one of them.
        ValueError: a reference is malformed, or two features have one name.
    """
    context: Any = _get_online_request_context(store.registry, store.project, features, full_names)
    refs, on_demand, entity_names, kinds, join_keys, grouped, _, needed, _ = context
    entities = {**entity_names, **{name: name for name in join_keys}}
    looked_up = {name: kind for name, kind in kinds.items() if name != DUMMY_ENTITY_ID}
    special = on_demand or getattr(features, "precompute_online", False)
    if special or not all(_is_plain(view) for view, _ in grouped):
        schemas = [view.get_request_data_schema() for view in on_demand]
        data = {name: kind for schema in schemas for name, kind in schema.items() if name in needed}
        return Plan((), entities, looked_up, data, features)
    ordered = [(view, _in_order(projected_name(view.projection), names, refs)) for view, names in grouped]
    return Plan(tuple(_read(view, names, full_names) for view, names in ordered), entities, looked_up)


def _in_order(view: str, features: Sequence[str], refs: Sequence[str]) -> list[str]:
    """A view's features as they were asked for; Feast has them in the order of a set."""
    places = {ref: place for place, ref in enumerate(refs)}
    return sorted(features, key=lambda name: places.get(f"{view}:{name}", len(refs)))


def projected_name(projection: FeatureViewProjection) -> str:
    """What answers call a view: its alias, else its name; with its version where one was asked for."""
    name: str = projection.name_to_use()  # type: ignore[no-untyped-call]  # Feast leaves it untyped
    return name


def _kinds(view: FeatureView) -> dict[str, ValueType]:
    return {column.name: column.dtype.to_value_type() for column in view.entity_columns}


def _is_plain(view: FeatureView) -> bool:
    versioned = getattr(view.projection, "version_tag", None) is not None
    return not versioned and can_encode(_kinds(view))


def _read(view: FeatureView, features: Sequence[str], full_names: bool) -> ViewRead:
    kinds, aliases = _kinds(view), view.projection.join_key_map or {}
    prefix = f"{projected_name(view.projection)}__" if full_names else ""
    age = view.ttl.total_seconds() if view.ttl else 0
    return ViewRead(
        view,
        tuple(features),
        tuple(f"{prefix}{name}" for name in features),
        EntityKeys(kinds, {name: aliases.get(name, name) for name in kinds}),
        int(age * 1_000_000) or None,
    )
