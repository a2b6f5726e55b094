"""How tile rows are written down in an online store, and which of them a boundary leaves visible."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from ai_patterns.core.speed import Partials, TileRow

_DECODER = msgspec.msgpack.Decoder()

Entity = tuple[Any, ...]
"""The values of a group's key columns."""

Offsets = Mapping[str, Mapping[int, int]]
"""Next offset of each partition, by topic."""


class Change(NamedTuple):
    """What a fold adds to one tile row of an entity.

    Attributes:
        part: where the row's events come from: the UTC day of their known time, or the place of a single late event.
    """

    entity: Entity
    tile_end: int
    enters: int
    part: str
    partials: Partials


@dataclass(frozen=True)
class Boundary:
    """Where the batch layer ends: it holds what became known before `at`, as far as it had landed.

    Attributes:
        at: the instant, a midnight, UTC.
        offsets: messages before these had landed when the batch layer was built.
        generation: number of its rows in the store.
    """

    at: dt.datetime
    offsets: Offsets = field(default_factory=dict)
    generation: int = 0


def late_part(topic: str, partition: int, offset: int) -> str:
    """The part of an event that became known before the boundary and arrived after it.

    >>> late_part("flights.departed", 0, 41)
    'flights.departed/0/41'
    """
    return f"{topic}/{partition}/{offset}"


def is_visible(part: str, boundary: Boundary | None) -> bool:
    """Whether a row of the speed layer counts beside the batch layer.

    >>> boundary = Boundary(dt.datetime(2013, 4, 2, tzinfo=dt.UTC), {"flights.departed": {0: 40}})
    >>> [is_visible(part, boundary) for part in ("2013-04-01", "2013-04-02", "flights.departed/0/39")]
    [False, True, False]
    """
    if boundary is None:
        return True
    topic, *place = part.rsplit("/", 2)
    if place:
        return int(place[1]) >= boundary.offsets.get(topic, {}).get(int(place[0]), 0)
    return dt.date.fromisoformat(part) >= boundary.at.date()


def field_of(change: Change) -> str:
    """The name of a row within its entity."""
    return f"{change.tile_end}|{change.enters}|{change.part}"


def part_of(name: str) -> str:
    """The part that a row's name tells."""
    return name.split("|", 2)[2]


def to_rows(held: Mapping[str, bytes], visible: Callable[[str], bool]) -> list[TileRow]:
    """Read an entity's rows back.

    Args:
        held: packed partials by the rows' names.
        visible: whether a part's rows count.
    """
    named = ((name.split("|", 2), packed) for name, packed in held.items())
    return [
        TileRow(int(tile_end), int(enters), unpack(packed))
        for (tile_end, enters, part), packed in named
        if visible(part)
    ]


def pack(partials: Partials) -> bytes:
    """Partials as MessagePack, which keeps 64-bit integers, infinities and microseconds."""
    return msgspec.msgpack.encode(partials)


def unpack(packed: bytes) -> Partials:
    """Read `pack`'s bytes; `newest` is a list."""
    partials: Partials = _DECODER.decode(packed)
    return partials


def pack_entity(entity: Entity) -> bytes:
    """An entity's key as bytes."""
    return msgspec.json.encode(entity)


def unpack_entity(packed: bytes) -> Entity:
    """Read `pack_entity`'s bytes."""
    return tuple(msgspec.json.decode(packed))
