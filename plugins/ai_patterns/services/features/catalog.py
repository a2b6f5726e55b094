"""The features of a repository: what a request asks for, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from feast import FeatureService, FeatureStore, FeatureView, OnDemandFeatureView
from feast.errors import FeastError
from feast.feature_view_utils import get_feature_view_from_feature_store

from ai_patterns.core.clock import to_microseconds, utc_now
from ai_patterns.services.edge.errors import RequestError
from ai_patterns.services.features.answers import Answer, Row, given_column, view_columns
from ai_patterns.services.features.delegate import ask_feast
from ai_patterns.services.features.plan import Plan, ViewRead, make_plan
from ai_patterns.services.features.stores import Ask, Reader, Turn

Entities = Mapping[str, list[Any]]
"""Column of the request -> its values, one a row."""

_KEPT = 1000
"""Plans that are kept."""


class Catalog:
    """Answers requests from one repository.

    Args:
        store: the open repository.
        reader: reads its online store.
        turn: held by whoever else reads or writes it.
    """

    def __init__(self, store: FeatureStore, reader: Reader, turn: Turn) -> None:
        self.store, self.reader, self.turn = store, reader, turn
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._probe: ViewRead | None = None
        self._fed: dict[str, list[FeatureView]] = {}
        self._views: dict[str, FeatureView | OnDemandFeatureView] = {}
        self.has_vectors = _has_vectors(store)
        self.missing: dict[str, int] = {}

    async def answer(self, features: str | Sequence[str], entities: Entities, full_names: bool = False) -> Answer:
        """Features of entities, as Feast's `get_online_features` gives them.

        Args:
            features: a feature service's name, or references `view:feature`.
            entities: columns of one length; those that are no join key are passed over.
            full_names: whether answers are named `view__feature`.

        Raises:
            FeastError: the registry does not know one of them.
            RequestError: entities do not fit.
            ServiceUnavailableError: the store cannot be read.
        """
        plan = self.plan(features, full_names)
        rows = _count_rows(entities)
        if plan.delegate is not None:
            return await asyncio.to_thread(self._ask_feast, plan, plan.delegate, entities, full_names)
        places = [_places(read, entities, rows) for read in plan.reads]
        found = await self.reader.read([ask for ask, _ in places])
        given = {plan.entities[name]: values for name, values in entities.items() if name in plan.entities}
        answer = Answer(list(given), [given_column(values) for values in given.values()])
        now = to_microseconds(utc_now())
        for read, (_, order), held in zip(plan.reads, places, found, strict=True):
            self._add(answer, read, [None if place is None else held[place] for place in order], now)
        return answer

    def plan(self, features: str | Sequence[str], full_names: bool) -> Plan:
        """The worked out request, kept until `refresh`."""
        key = (features if isinstance(features, str) else tuple(features), full_names)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make(features, full_names)
            if len(self._plans) >= _KEPT:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def refresh(self) -> None:
        """Read the registry again."""
        self.store.refresh_registry()  # type: ignore[no-untyped-call]  # Feast leaves it untyped
        self._plans, self._probe, self._fed, self._views = {}, None, {}, {}
        self.has_vectors = _has_vectors(self.store)

    async def probe(self) -> None:
        """Look an entity up that need not be there.

        Raises:
            ServiceUnavailableError: the store cannot be read.
        """
        if self._probe is None:
            views = self.store.list_feature_views(allow_cache=True)
            refs = [f"{view.name}:{view.features[0].name}" for view in views if view.online and view.features]
            plans = (make_plan(self.store, [ref], full_names=False) for ref in refs)
            self._probe = next((plan.reads[0] for plan in plans if plan.reads), None)
        if self._probe is not None:
            values = self._probe.keys.any_entity()
            (key,) = self._probe.keys.encode([[value] for value in values])
            await self.reader.read([Ask(self._probe, [key or b""], [tuple(values)])])

    def versions(self, features: str | Sequence[str]) -> list[dict[str, Any]]:
        """Name and version of each view that a request reads, as Feast's metadata has them."""
        views = {
            read.view.projection.name_alias or read.view.projection.name: read.view
            for read in self.plan(features, True).reads
        }
        found = []
        for name, view in views.items():
            number = getattr(view, "current_version_number", 0)
            found.append({"name": name, **({"version": number} if number else {})})
        return found

    async def fed_views(self, push_source: str, cached: bool) -> list[FeatureView]:
        """The views that a push source feeds; read from the registry anew unless `cached`.

        Raises:
            FeastError: it feeds none.
        """
        if not cached or push_source not in self._fed:
            found: Any = await asyncio.to_thread(self.store._fvs_for_push_source_or_raise, push_source, cached)
            self._fed[push_source] = list(found)
        return self._fed[push_source]

    async def view(self, name: str, cached: bool) -> FeatureView | OnDemandFeatureView:
        """A feature view of any kind; read from the registry anew unless `cached`.

        Raises:
            FeastError: there is none of this name.
        """
        if not cached or name not in self._views:
            self._views[name] = await asyncio.to_thread(get_feature_view_from_feature_store, self.store, name, cached)
        return self._views[name]

    def _ask_feast(
        self, plan: Plan, features: FeatureService | list[str], entities: Entities, full_names: bool
    ) -> Answer:
        with self.turn:
            return ask_feast(self.store, plan, features, entities, full_names)

    def _make(self, features: str | Sequence[str], full_names: bool) -> Plan:
        asked: FeatureService | list[str]
        if isinstance(features, str):
            asked = self.store.get_feature_service(features, allow_cache=True)
        elif features:
            asked = list(features)
        else:
            raise RequestError("name `features` or a `feature_service`")
        try:
            return make_plan(self.store, asked, full_names)
        except FeastError:
            raise
        except (ValueError, KeyError) as error:
            raise RequestError(f"features: {error}") from None

    def _add(self, answer: Answer, read: ViewRead, rows: list[Row | None], now: int) -> None:
        unknown = rows.count(None)
        if unknown:
            self.missing[read.view.name] = self.missing.get(read.view.name, 0) + unknown
        answer.names += read.names
        answer.columns += view_columns(rows, len(read.features), None if read.max_age is None else now - read.max_age)


def _has_vectors(store: FeatureStore) -> bool:
    """Whether Feast computes whole vectors of a service ahead, which a push must renew."""
    return any(getattr(service, "precompute_online", False) for service in store.list_feature_services())


def _count_rows(entities: Entities) -> int:
    lengths = {name: len(values) for name, values in entities.items()}
    if len(set(lengths.values())) != 1:
        raise RequestError(f"entities must be columns of one length, not {lengths}")
    return next(iter(lengths.values()))


def _places(read: ViewRead, entities: Entities, rows: int) -> tuple[Ask, list[int | None]]:
    """What to ask the store for, and where each row's answer will stand; None where its key holds a null."""
    columns = [entities.get(name) for name in read.keys.columns] if read.has_entity else [[""] * rows]
    if None in columns:
        lacks = [name for name, values in zip(read.keys.columns, columns, strict=True) if values is None]
        raise RequestError(f"entities lack {', '.join(lacks)}, which {read.view.name!r} is looked up by")
    values: list[list[Any]] = [column for column in columns if column is not None]
    keys = read.keys.encode(values)
    unique: dict[bytes, int] = {}
    first: list[tuple[Any, ...]] = []
    order: list[int | None] = []
    for row, key in enumerate(keys):
        if key is not None and key not in unique:
            unique[key] = len(unique)
            first.append(tuple(column[row] for column in values))
        order.append(None if key is None else unique[key])
    return Ask(read, list(unique), first), order
