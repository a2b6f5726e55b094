"""A group's rows in the two layers of a store of tiles: where they lie, which are read, what a fold makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from ai_patterns.clients.tile_notes import boundary_of
from ai_patterns.clients.tile_transaction import Reader, Transaction
from ai_patterns.core.speed import Partials, TileRow
from ai_patterns.core.tile_rows import (
    Boundary,
    Change,
    field_of,
    is_visible,
    pack,
    pack_entity,
    part_of,
    to_rows,
    unpack,
)


def speed_space(group: str) -> str:
    """The space of the speed layer's rows."""
    return f"speed:{group}"


def batch_space(group: str, generation: int) -> str:
    """The space of the batch layer's rows that came with one boundary."""
    return f"batch:{group}:{generation}"


def entities_of(reader: Reader, group: str) -> list[bytes]:
    """Every entity of which a row is held."""
    boundary = boundary_of(reader)
    spaces = [speed_space(group), *([batch_space(group, boundary.generation)] if boundary else [])]
    return sorted({entity for space in spaces for entity in reader.entities(space)})


def rows_of(reader: Reader, group: str, entities: Sequence[bytes]) -> list[list[TileRow]]:
    """Each entity's visible rows of both layers."""
    boundary = boundary_of(reader)
    visible = cache(lambda part: is_visible(part, boundary))
    speed = reader.entity_rows(speed_space(group), entities)
    batch = (
        reader.entity_rows(batch_space(group, boundary.generation), entities) if boundary else [{} for _ in entities]
    )
    return [
        to_rows(loaded, lambda _: True) + to_rows(folded, visible) for loaded, folded in zip(batch, speed, strict=True)
    ]


def is_read(name: str, boundary: Boundary) -> bool:
    """Whether reads beside this boundary see the speed layer's row of this name."""
    return is_visible(part_of(name), boundary)


def merge(
    transaction: Transaction, group: str, changes: Sequence[Change], merged: Callable[[Partials, Partials], Partials]
) -> None:
    """Merge changes into the speed layer's rows.

    Args:
        transaction: where it is done.
        group: the group.
        changes: at most one for each row.
        merged: partial aggregates of two rows as those of one.
    """
    places = [(pack_entity(change.entity), field_of(change)) for change in changes]
    held = transaction.rows(speed_space(group), places)
    transaction.put(
        speed_space(group),
        [
            (*place, pack(change.partials if old is None else merged(unpack(old), change.partials)))
            for place, old, change in zip(places, held, changes, strict=True)
        ],
    )


def packed_row(change: Change) -> tuple[bytes, str, bytes]:
    """A change as the row of a place where there was none."""
    return pack_entity(change.entity), field_of(change), pack(change.partials)
