"""A speed layer that crashes at its k-th call to the store, starts again from the store's offsets, and finishes."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import pyarrow as pa

import event_streams
import speed_layer
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_transaction import Claim, Context, Folded, Span
from ai_patterns.core.tile_rows import Boundary, unpack
from ai_patterns.services.stream_worker.folding import Batch, Folder
from tile_store_conformance import GROUP, OpenStore, exact

START, DAY, HOUR = event_streams.START, dt.timedelta(days=1), dt.timedelta(hours=1)
SYSTEM = speed_layer.streaming_system(lateness="2d")
FOLDER = Folder(SYSTEM, "events")


class CrashError(Exception):
    """The process ends here."""


class Fuse:
    """Burns at the k-th call, once; at none for 0."""

    def __init__(self, fatal: int) -> None:
        self.fatal, self.calls = fatal, 0

    def burn(self) -> None:
        self.calls += 1
        if self.calls == self.fatal:
            raise CrashError


def failing_kinds(calls: Mapping[type, Sequence[str]], fuse: Fuse) -> dict[type, Any]:
    """Of each class one whose process may end before and after each of the named calls."""

    def burning(name: str) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **named: Any) -> Any:
            fuse.burn()
            result = getattr(super(type(self), self), name)(*arguments, **named)
            fuse.burn()
            return result

        return call

    return {
        kind: type(kind.__name__, (kind,), {name: burning(name) for name in names}) for kind, names in calls.items()
    }


class FailingTransaction:
    """A transaction that may end at each of its calls."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._fuse.burn()
            return getattr(self._inner, name)(*arguments)

        return call


class FailingStore(TileStore):
    """A store whose process may end before, within and after all that it does."""

    def __init__(self, inner: TileStore, fuse: Fuse) -> None:
        super().__init__(inner.system)
        self._inner, self._fuse = inner, fuse

    def transact(self, work: Callable[[Any], Any]) -> Any:
        result = self._inner.transact(lambda transaction: self._within(work, transaction))
        self._fuse.burn()  # what was written stands, and nobody was told
        return result

    def snapshot(self, work: Callable[[Any], Any]) -> Any:
        self._fuse.burn()
        return self._inner.snapshot(work)

    def load(self, space: str, rows: Iterable[tuple[bytes, str, bytes]]) -> None:
        every = list(rows)
        for some in (every[: len(every) // 2], every[len(every) // 2 :]):
            self._fuse.burn()
            self._inner.load(space, some)
        self._fuse.burn()

    def drop(self, space: str, keep: Callable[[str], bool]) -> int:
        self._fuse.burn()
        half = self._inner.drop(space, lambda name: keep(name) or len(name) % 2 == 0)
        self._fuse.burn()
        rest = self._inner.drop(space, keep)
        self._fuse.burn()
        return half + rest

    def _within(self, work: Callable[[Any], Any], transaction: Any) -> Any:
        result = work(FailingTransaction(transaction, self._fuse))
        self._fuse.burn()
        return result


class Story:
    """Messages of four days in two partitions, and what the worker and the lambda architecture's DAG do with them."""

    def __init__(self, seed: int) -> None:
        self._seeded = random.Random(seed)
        self.rows = list(self._arrivals(40))
        self.table = speed_layer.messages(self.rows)
        self._fold = cache(self._folded)
        self._layer = cache(self._loaded)

    @cached_property
    def steps(self) -> Sequence[Callable[[TileStore], None]]:
        """In order; each may be done again from its start."""

        def boundary(days: int, sealed: int, landed: int) -> list[Callable[[TileStore], None]]:
            at = START + days * DAY
            return [
                lambda store: self._read_up_to(store, sealed),
                lambda store: _ignore(store.seal(at)),
                lambda store: self._read_up_to(store, landed),
                lambda store: self._advance(store, at, landed),
                lambda store: _ignore(store.tidy()),
            ]

        return [*boundary(1, 12, 16), *boundary(3, 28, 33), lambda store: self._read_up_to(store, len(self.rows))]

    def _arrivals(self, number: int) -> Iterator[dict[str, Any]]:
        """Hours late, some twice, some older than the lateness allows."""
        for position in range(number):
            known = START + position * 4 * DAY / number - self._seeded.choice([0, 0, 0, 5, 30, 80]) * HOUR
            yield {
                "id": f"e{self._seeded.choice([position, position, position, max(0, position - 4)]):03d}",
                "happened": known - self._seeded.choice([0, 1, 20, -6]) * HOUR,
                "known": known,
                "key": self._seeded.choice("abc"),
                "value": self._seeded.randrange(-1000, 1000) / 100,
                "level": self._seeded.choice([None, 0.0, -0.0, 1e300, -2.5]),
                "flag": self._seeded.random() < 0.5,
            }

    def _read_up_to(self, store: TileStore, position: int) -> None:
        """What the worker does after it started: claim, go on from the store's offsets, a dozen messages at a time."""
        claims = {partition: store.claim(speed_layer.TOPIC, partition) for partition in (0, 1)}
        held = store.offsets().get(speed_layer.TOPIC, {})
        ahead = [
            number
            for number, row in enumerate(self._places[:position])
            if row["topic_offset"] >= held.get(row["topic_partition"], 0)
        ]
        for first in range(0, len(ahead), 12):
            self._update(store, claims, tuple(ahead[first : first + 12]))

    def _update(self, store: TileStore, claims: Mapping[int, Claim], numbers: tuple[int, ...]) -> None:
        batch = self._batch(numbers)
        spans: list[Span] = speed_layer.spans(self.table.take(list(numbers)), dict(claims))
        store.update("events", spans, batch.ids, lambda context: self._fold(numbers, _Held(context)))

    def _advance(self, store: TileStore, at: dt.datetime, landed: int) -> None:
        store.advance(*self._layer(at, landed))

    @cached_property
    def _places(self) -> list[dict[str, Any]]:
        return self.table.select(["topic_partition", "topic_offset"]).to_pylist()

    def _batch(self, numbers: tuple[int, ...]) -> Batch:
        return _prepare(self, numbers)

    def _folded(self, numbers: tuple[int, ...], held: _Held) -> Folded:
        return FOLDER.fold(self._batch(numbers), held.context)

    def _loaded(self, at: dt.datetime, landed: int) -> tuple[Boundary, Any, Any]:
        return speed_layer.batch_layer(SYSTEM, self.table.slice(0, landed), at)


class _Held:
    """A fold's context, as the key of what the fold gave: folding is a function of it."""

    def __init__(self, context: Context) -> None:
        self.context, self._key = context, repr((context.boundary, context.sealed, sorted(context.seen)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@cache
def _prepare(story: Story, numbers: tuple[int, ...]) -> Batch:
    return FOLDER.prepare(story.table.take(pa.array(numbers)))


def _ignore(_: object) -> None:
    return None


def run(story: Story, open_store: OpenStore, name: str, fuse: Fuse) -> dict[str, Any]:
    """Do every step; where the process ends, a new one does that step again.

    Returns:
        The outcome, and the tile rows after each step: what a crash did wrong, the next boundary might put right.
    """
    store, plain, after = FailingStore(open_store(SYSTEM, name), fuse), open_store(SYSTEM, name), []
    for step in story.steps:
        try:
            step(store)
        except CrashError:
            store = FailingStore(open_store(SYSTEM, name), fuse)
            step(store)
        after.append(exact(plain.dump(GROUP))["rows"])
    return {**outcome(story, plain), "after": after}


def outcome(story: Story, store: TileStore) -> dict[str, Any]:
    """All that a store tells: rows, offsets, identities, where the boundary is, and values at several instants."""
    every = [speed_layer.identity(row) for row in story.rows]
    boundary = store.boundary()
    newest = START + 4 * DAY
    return {
        **exact(store.dump(GROUP)),
        "seen": store.transact(lambda transaction: transaction.seen("events", every)),
        "boundary": (boundary.at, boundary.offsets) if boundary else None,
        "values": [store.read(GROUP, [("a",), ("b",), ("c",)], newest + hours * HOUR) for hours in (0, 1, 30)],
    }


def damage(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[int, int]:
    """Events that are missing from tile rows, and events that are in them more than once."""
    differences = []
    for one, other in zip(found["after"], wanted["after"], strict=True):
        there, due = _events(one), _events(other)
        differences += [there.get(row, 0) - due.get(row, 0) for row in {*there, *due}]
    return -sum(number for number in differences if number < 0), sum(number for number in differences if number > 0)


def _events(held: Mapping[Any, Any]) -> dict[tuple[Any, ...], int]:
    found: dict[tuple[Any, ...], int] = {}
    for entity, rows in held.items():
        for tile_end, enters, partials in rows:
            place = (entity, tile_end, enters)
            found[place] = found.get(place, 0) + unpack(partials)[0]
    return found


def crash_everywhere(open_store: OpenStore, points: int) -> dict[str, int]:
    """Crash at every call of one story after the other, and at some of the last one's, `points` in all."""
    figures, seed = {"crash_points": 0, "lost": 0, "doubled": 0}, 0
    while figures["crash_points"] < points:
        story, fuse = Story(seed), Fuse(0)
        wanted = run(story, open_store, f"{seed}-whole", fuse)
        calls = range(1, fuse.calls + 1)
        left = points - figures["crash_points"]
        for fatal in calls if left >= fuse.calls else sorted(random.Random(seed).sample(calls, left)):
            found = run(story, open_store, f"{seed}-{fatal}", Fuse(fatal))
            lost, doubled = damage(found, wanted)
            figures["lost"], figures["doubled"] = figures["lost"] + lost, figures["doubled"] + doubled
            figures["crash_points"] += 1
            assert found == wanted, f"story {seed}, call {fatal}: {lost} lost, {doubled} doubled"
        seed += 1
    return figures
