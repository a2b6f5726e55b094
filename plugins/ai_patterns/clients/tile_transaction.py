"""What a store of tiles does within one transaction, and what a fold is told and gives back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ai_patterns.core.tile_rows import Boundary, Change

Place = tuple[bytes, str]
"""An entity and the name of one of its rows."""

Seen = Mapping[dt.date, Sequence[str]]
"""Identities of events by the UTC day of their known time."""


@dataclass(frozen=True)
class Claim:
    """A worker's hold on one partition.

    Attributes:
        epoch: the greatest one holds it.
    """

    topic: str
    partition: int
    epoch: int


@dataclass(frozen=True)
class Span:
    """Messages of one partition: from offset `start` up to, without, `end`."""

    claim: Claim
    start: int
    end: int


@dataclass(frozen=True)
class Context:
    """What a fold must know of the store.

    Attributes:
        boundary: where the batch layer ends; None before the first.
        sealed: events known before this instant are kept one by one.
        seen: those of the batch's identities that were folded before.
    """

    boundary: Boundary | None
    sealed: dt.datetime | None
    seen: frozenset[str]


@dataclass(frozen=True)
class Folded:
    """A batch's effect.

    Attributes:
        changes: by group, at most one for each row.
        ids: identities of the folded events, by the UTC day of their known time.
    """

    changes: Mapping[str, Sequence[Change]]
    ids: Mapping[dt.date, Sequence[str]]


class Transaction(Protocol):
    """Reads and writes that become visible together, or not at all."""

    def notes(self, prefix: str) -> dict[str, str]: ...  # noqa: D102
    def note(self, name: str, text: str) -> None: ...  # noqa: D102
    def seen(self, stream: str, ids: Sequence[str]) -> frozenset[str]: ...  # noqa: D102
    def remember(self, stream: str, day: dt.date, ids: Sequence[str]) -> None: ...  # noqa: D102
    def forget(self, stream: str, before: dt.date) -> None: ...  # noqa: D102
    def rows(self, space: str, places: Sequence[Place]) -> list[bytes | None]: ...  # noqa: D102
    def put(self, space: str, rows: Sequence[tuple[bytes, str, bytes]]) -> None: ...  # noqa: D102


class Reader(Protocol):
    """Reads of one moment."""

    def notes(self, prefix: str) -> dict[str, str]: ...  # noqa: D102
    def entities(self, space: str) -> list[bytes]: ...  # noqa: D102
    def entity_rows(self, space: str, entities: Sequence[bytes]) -> list[dict[str, bytes]]: ...  # noqa: D102
