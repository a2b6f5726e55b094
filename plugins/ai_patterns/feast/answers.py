"""What an online read says of a value that is missing, null or too old."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from feast import FeatureView, RepoConfig
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus, GetOnlineFeaturesResponse
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from ai_patterns.core.clock import reading_instant

Answer = tuple[datetime | None, dict[str, Value] | None]
"""An entity's event time and values: `(None, None)` is unknown, `(time, None)` is older than the view's TTL."""


class HonestAnswers:
    """Mixed into an online store of Feast's: its answers heed the view's TTL, and tell why a value lacks.

    `NOT_FOUND`: the store holds nothing of the entity. `OUTSIDE_MAX_AGE`: what it holds is older than the view's TTL.
    `NULL_VALUE`: null is what it holds. All else is `PRESENT`.
    """

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Answer]:
        """Values of entities, in their order."""
        asked = list(requested_features) if requested_features else None
        rows = super().online_read(config, table, entity_keys, asked)  # type: ignore[misc]  # the store's, see the class
        return _alive(table, rows)

    async def online_read_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Answer]:
        """The same for an event loop, where the store has it."""
        asked = list(requested_features) if requested_features else None
        rows = await super().online_read_async(config, table, entity_keys, asked)  # type: ignore[misc]  # the store's
        return _alive(table, rows)

    def _read_features_per_fv(self, config: RepoConfig, grouped_refs: Sequence[Any], *rest: Any) -> None:
        asked = [(view, list(features)) for view, features in grouped_refs]
        response = _response(rest)
        before = len(response.results)
        super()._read_features_per_fv(config, asked, *rest)  # type: ignore[misc]  # the store's
        _tell(asked, response.results[before:])

    async def _read_features_per_fv_async(self, config: RepoConfig, grouped_refs: Sequence[Any], *rest: Any) -> None:
        asked = [(view, list(features)) for view, features in grouped_refs]
        response = _response(rest)
        before = len(response.results)
        await super()._read_features_per_fv_async(config, asked, *rest)  # type: ignore[misc]  # the store's
        _tell(asked, response.results[before:])


def is_too_old(view: FeatureView, moment: datetime, now: datetime) -> bool:
    """Whether an event at `moment` is past the view's TTL at `now`; a view without TTL never forgets."""
    return view.ttl is not None and timedelta(0) < view.ttl < now - moment


def _response(arguments: Iterable[Any]) -> Any:
    return next(item for item in arguments if isinstance(item, GetOnlineFeaturesResponse))


def _alive(view: FeatureView, rows: list[Answer]) -> list[Answer]:
    if not view.ttl:
        return rows
    now = reading_instant()
    return [(time, None) if time is not None and is_too_old(view, time, now) else (time, row) for time, row in rows]


def _tell(asked: Sequence[tuple[FeatureView, list[str]]], results: Sequence[Any]) -> None:
    """Correct the statuses that Feast gave."""
    now, columns = reading_instant(), iter(results)
    for view, features in asked:
        for _ in features:
            _tell_column(next(columns), now - view.ttl if view.ttl else None)


def _tell_column(column: Any, oldest: datetime | None) -> None:
    for row, (status, value, moment) in enumerate(
        zip(column.statuses, column.values, column.event_timestamps, strict=True)
    ):
        known = moment.seconds or moment.nanos
        if oldest is not None and known and moment.ToDatetime(UTC) < oldest:
            column.statuses[row] = FieldStatus.OUTSIDE_MAX_AGE
            value.Clear()
        elif status == FieldStatus.PRESENT and value.WhichOneof("val") is None:
            column.statuses[row] = FieldStatus.NULL_VALUE
