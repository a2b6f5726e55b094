"""The online store of tiles: what the speed layer folds, beside what the batch layer loaded.

Everything that must hold together changes in one transaction: tile rows, the events' identities, the next offsets, the
sealed boundary. How a store brings that about is its own affair (`tile_store_sqlite`, `tile_store_redis`); what is
done within is here, in `tile_layers` and in `tile_notes`.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ai_patterns.clients.tile_layers import batch_space, entities_of, is_read, merge, packed_row, rows_of, speed_space
from ai_patterns.clients.tile_notes import (
    boundary_of,
    offsets_of,
    require_drawable,
    require_turn,
    seal_of,
    take_generation,
    tidied_of,
    to_text,
)
from ai_patterns.clients.tile_transaction import Claim, Context, Folded, Reader, Seen, Span, Transaction
from ai_patterns.core.clock import to_microseconds
from ai_patterns.core.speed import TileRow, features_at, merger
from ai_patterns.core.tile_rows import Boundary, Change, Entity, Offsets, pack_entity, unpack_entity
from ai_patterns.spec.system import SystemSpec


class TileStore(ABC):
    """Tile rows of one system's groups.

    Args:
        system: its groups tell how rows merge.
    """

    def __init__(self, system: SystemSpec) -> None:
        self.system = system
        self._mergers = {name: merger(group) for name, group in system.groups.items()}

    @abstractmethod
    def transact(self, work: Callable[[Transaction], Any]) -> Any:
        """Run `work` in one transaction, again from the start if another writer came between."""

    @abstractmethod
    def snapshot(self, work: Callable[[Reader], Any]) -> Any:
        """Run `work` on reads that all see the same moment, again from the start where they did not."""

    @abstractmethod
    def load(self, space: str, rows: Iterable[tuple[bytes, str, bytes]]) -> None:
        """Write rows of a space that nobody reads yet."""

    @abstractmethod
    def drop(self, space: str, keep: Callable[[str], bool]) -> int:
        """Delete the rows of a space whose name `keep` refuses; return their number."""

    def claim(self, topic: str, partition: int) -> Claim:
        """Take a partition over; every earlier holder is refused from now on."""

        def take(transaction: Transaction) -> int:
            name = f"epoch|{topic}|{partition}"
            epoch = int(transaction.notes(name).get(name, 0)) + 1
            transaction.note(name, str(epoch))
            return epoch

        return Claim(topic, partition, int(self.transact(take)))

    def update(
        self, stream: str, spans: Sequence[Span], ids: Sequence[str], fold: Callable[[Context], Folded]
    ) -> Folded:
        """Fold a batch of one stream's messages and move on past them, both or neither.

        Args:
            stream: the stream.
            spans: where the messages stood.
            ids: the events' identities.
            fold: gives the batch's effect, from what the store holds.

        Raises:
            FencedError: another worker holds one of the partitions; nothing was written.
            ServiceRejectedError: the store is at other offsets than the batch starts from; nothing was written.
        """

        def work(transaction: Transaction) -> Folded:
            require_turn(transaction, spans)
            sealed = seal_of(transaction)
            seen = transaction.seen(stream, ids)
            folded = fold(Context(boundary_of(transaction), sealed.at if sealed else None, seen))
            for group, changes in folded.changes.items():
                merge(transaction, group, changes, self._mergers[group])
            for day, names in folded.ids.items():
                transaction.remember(stream, day, names)
            for span in spans:
                transaction.note(f"offset|{span.claim.topic}|{span.claim.partition}", str(span.end))
            return folded

        return self.transact(work)  # type: ignore[no-any-return]

    def offsets(self) -> Offsets:
        """Next offset of each partition that was read, by topic."""
        return self.snapshot(offsets_of)  # type: ignore[no-any-return]

    def rewind(self, topic: str, partition: int, offset: int) -> None:
        """Have a partition read again from `offset`; events that were folded are known and not folded twice."""
        self.transact(lambda transaction: transaction.note(f"offset|{topic}|{partition}", str(offset)))

    def seal(self, at: dt.datetime) -> Offsets:
        """Keep what is known before `at` apart from now on; return the next offsets as of that moment.

        A boundary at `at` may be drawn once all messages before these offsets are in the batch layer. A second seal of
        the same instant changes nothing.
        """

        def work(transaction: Transaction) -> Offsets:
            sealed = seal_of(transaction)
            if sealed is None or sealed.at < at:
                sealed = Boundary(at, offsets_of(transaction))
                transaction.note("sealed", to_text(sealed))
            return sealed.offsets

        return self.transact(work)  # type: ignore[no-any-return]

    def boundary(self) -> Boundary | None:
        """Where the batch layer ends now."""
        return self.snapshot(boundary_of)  # type: ignore[no-any-return]

    def advance(self, boundary: Boundary, rows: Mapping[str, Iterable[Change]], ids: Mapping[str, Seen]) -> Boundary:
        """Draw the boundary: the batch layer's rows replace what the speed layer held of the same events.

        Args:
            boundary: instant and offsets; its generation is chosen here.
            rows: the batch layer's rows, by group: all that is known before the boundary and landed before the offsets.
            ids: identities of the batch layer's newest events, by stream and day.

        Raises:
            FencedError: another one was drawn while this one's rows were loaded.
            ServiceRejectedError: the boundary would go back, was not sealed, or leaves out messages that were
                folded before the seal.
        """
        drawn = Boundary(boundary.at, boundary.offsets, int(self.transact(take_generation)))
        for group, changes in rows.items():
            self.load(batch_space(group, drawn.generation), (packed_row(change) for change in changes))

        def work(transaction: Transaction) -> None:
            require_drawable(transaction, drawn)
            for stream, days in ids.items():
                for day, names in days.items():
                    transaction.remember(stream, day, sorted(set(names) - transaction.seen(stream, names)))
            transaction.note("boundary", to_text(drawn))

        self.transact(work)
        return drawn

    def tidy(self) -> int:
        """Delete what no read sees and no fold asks for any more; return the number of rows."""
        boundary = self.boundary()
        if boundary is None:
            return 0
        gone, first = 0, int(self.snapshot(tidied_of))
        for group in self.system.groups:
            for generation in range(first, boundary.generation):  # a crash may have left rows of several
                gone += self.drop(batch_space(group, generation), lambda _: False)
            gone += self.drop(speed_space(group), lambda name: is_read(name, boundary))
        self.transact(lambda transaction: self._forget(transaction, boundary))
        return gone

    def read(self, group: str, entities: Sequence[Entity], at: dt.datetime) -> list[dict[str, Any] | None]:
        """Features of entities at an instant; None for one of which no row is held."""
        packed = [pack_entity(entity) for entity in entities]
        found = self.snapshot(lambda reader: rows_of(reader, group, packed))
        spec, instant = self.system.groups[group], to_microseconds(at)
        return [features_at(spec, rows, instant) if rows else None for rows in found]

    def entities(self, group: str) -> list[Entity]:
        """Every entity of a group of which a row is held."""
        return [unpack_entity(packed) for packed in self.snapshot(lambda reader: entities_of(reader, group))]

    def dump(self, group: str) -> tuple[Offsets, dict[Entity, list[TileRow]]]:
        """All visible rows of a group, and the offsets up to which messages are in them."""

        def work(reader: Reader) -> tuple[Offsets, dict[Entity, list[TileRow]]]:
            packed = entities_of(reader, group)
            rows = rows_of(reader, group, packed)
            held = {unpack_entity(entity): found for entity, found in zip(packed, rows, strict=True) if found}
            return offsets_of(reader), held

        return self.snapshot(work)  # type: ignore[no-any-return]

    def _forget(self, transaction: Transaction, boundary: Boundary) -> None:
        """Delete identities of events that a fold would leave out for their age; note how far tidying went."""
        for name, stream in self.system.streams.items():
            oldest = boundary.at - stream.lateness - dt.timedelta(days=1)
            transaction.forget(name, oldest.date())
        transaction.note("tidied", str(boundary.generation))
