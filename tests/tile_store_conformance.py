"""What every store of tiles must do: a module of tests names the store by the fixture `open_store`, and runs these."""

from __future__ import annotations

import datetime as dt
import itertools
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import event_streams
import speed_layer
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_transaction import Folded, Span
from ai_patterns.core.tile_rows import Boundary, Change, pack
from ai_patterns.errors import FencedError, ServiceRejectedError
from ai_patterns.services.stream_worker.folding import Folder
from ai_patterns.spec.features import feature_name
from ai_patterns.spec.system import SystemSpec

DAY = dt.timedelta(days=1)
START = event_streams.START
TODAY = START.date()
GROUP = "activity"

OpenStore = Callable[..., TileStore]
"""Opens a store of a system: a new one, or that of a name again."""


def partials(events: int) -> list:
    """Partial aggregates of `speed_layer.AGGREGATIONS`."""
    return [events, 100 * events, events, 100 * events, events, events, events, -1.0, 1.0, [0, 0, f"e{events}", 1.0, 0]]


def change(events: int, part: str = "2024-03-30", entity: str = "a") -> Change:
    return Change((entity,), 0, -(2**63), part, partials(events))


def put(store: TileStore, span: Span, *changes: Change, ids: tuple[str, ...] = (), day: dt.date = TODAY) -> None:
    store.update("events", [span], list(ids), lambda _: Folded({GROUP: list(changes)}, {day: list(ids)}))


def exact(held) -> dict:
    """A dump that compares bit by bit."""
    offsets, rows = held
    return {
        "offsets": offsets,
        "rows": {
            entity: sorted((row[0], row[1], pack(row.partials)) for row in found) for entity, found in rows.items()
        },
    }


class Conformance:
    """The suite."""

    @pytest.mark.parametrize("key", [("key",), ()])
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors, HealthCheck.function_scoped_fixture],
    )
    @given(data=st.data(), start=st.sampled_from(speed_layer.NIGHTS))
    def test_merged_layers_give_the_formula(self, open_store: OpenStore, key, data, start) -> None:
        system, rows = speed_layer.streaming_system(key), data.draw(speed_layer.arrivals(start))
        store, table = open_store(system), speed_layer.messages(rows)
        claims = {partition: store.claim(speed_layer.TOPIC, partition) for partition in (0, 1)}
        folder = Folder(system, "events")
        cuts = sorted({0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=4))})
        days = iter(sorted(data.draw(st.sets(st.integers(-1, 6), max_size=3))))
        for begin, end in itertools.pairwise(cuts):
            speed_layer.fold(store, folder, table.slice(begin, end - begin), claims)
            day = next(days, None)
            if day is not None:
                landed = data.draw(st.integers(end, len(rows)))
                speed_layer.draw_boundary(store, table, start + day * DAY, landed)
            if data.draw(st.booleans()):
                before = exact(store.dump(GROUP))
                store.tidy()
                assert exact(store.dump(GROUP)) == before
        check_formula(store, system, rows, key, data)

    def test_a_row_is_merged_into_what_was_there(self, open_store: OpenStore) -> None:
        store = open_store(speed_layer.streaming_system())
        claim = store.claim("t", 0)
        put(store, Span(claim, 0, 1), change(1))
        put(store, Span(claim, 1, 3), change(2), change(5, "2024-03-31"), change(7, entity="b"))
        offsets, rows = store.dump(GROUP)
        assert offsets == {"t": {0: 3}}
        assert sorted(row.partials[0] for row in rows[("a",)]) == [3, 5]
        assert [row.partials[0] for row in rows[("b",)]] == [7]
        assert sorted(store.entities(GROUP)) == [("a",), ("b",)]

    def test_a_zombie_is_refused(self, open_store: OpenStore) -> None:
        store = open_store(speed_layer.streaming_system())
        old = store.claim("t", 0)
        new = store.claim("t", 0)
        with pytest.raises(FencedError, match="took partition 0"):
            put(store, Span(old, 0, 1), change(1))
        assert store.dump(GROUP) == ({}, {})
        put(store, Span(new, 0, 1), change(1))

    @pytest.mark.parametrize("start", [0, 4, 6])
    def test_a_gap_or_a_repetition_is_refused(self, open_store: OpenStore, start: int) -> None:
        store = open_store(speed_layer.streaming_system())
        claim = store.claim("t", 0)
        put(store, Span(claim, 0, 5), change(1))
        before = exact(store.dump(GROUP))
        with pytest.raises(ServiceRejectedError, match="up to offset 5"):
            put(store, Span(claim, start, start + 3), change(1))
        assert exact(store.dump(GROUP)) == before

    def test_a_failed_fold_changes_nothing(self, open_store: OpenStore) -> None:
        store = open_store(speed_layer.streaming_system())
        claim = store.claim("t", 0)
        with pytest.raises(ZeroDivisionError):
            store.update("events", [Span(claim, 0, 1)], ["e1"], lambda _: 1 // 0)
        assert store.dump(GROUP) == ({}, {})
        put(store, Span(claim, 0, 1), change(1))

    def test_a_boundary_must_be_sealed_whole_and_newer(self, open_store: OpenStore) -> None:
        store = open_store(speed_layer.streaming_system())
        claim = store.claim("t", 0)
        put(store, Span(claim, 0, 5), change(1))
        with pytest.raises(ServiceRejectedError, match="seal"):
            store.advance(Boundary(START, {"t": {0: 5}}), {}, {})
        assert store.seal(START) == {"t": {0: 5}}
        put(store, Span(claim, 5, 6), change(1))
        assert store.seal(START) == {"t": {0: 5}}, "a second seal changes nothing"
        with pytest.raises(ServiceRejectedError, match="before offset 5"):
            store.advance(Boundary(START, {"t": {0: 4}}), {}, {})
        assert store.boundary() is None
        store.advance(Boundary(START, {"t": {0: 5}}), {GROUP: [change(9, "batch")]}, {})
        with pytest.raises(ServiceRejectedError, match="does not go back"):
            store.advance(Boundary(START - DAY, {"t": {0: 5}}), {}, {})

    def test_an_advance_that_was_overtaken_changes_nothing(self, open_store: OpenStore) -> None:
        store = open_store(speed_layer.streaming_system())
        boundary = Boundary(START, {})
        store.seal(START)

        def slowly():
            yield change(1, "batch")
            store.advance(boundary, {GROUP: [change(7, "batch")]}, {})
            yield change(1, "batch", entity="b")

        with pytest.raises(FencedError, match="while these rows were loaded"):
            store.advance(boundary, {GROUP: slowly()}, {})
        _, rows = store.dump(GROUP)
        assert {entity: [row.partials[0] for row in found] for entity, found in rows.items()} == {("a",): [7]}
        store.advance(boundary, {GROUP: [change(8, "batch")]}, {})
        assert store.tidy() == 3, "rows of both that are not read"
        assert store.entities(GROUP) == [("a",)]

    def test_tidy_forgets_identities_that_no_fold_asks_for(self, open_store: OpenStore) -> None:
        store = open_store(speed_layer.streaming_system(lateness="2d"))
        claim = store.claim("t", 0)
        days = [START.date() + number * DAY for number in range(8)]
        for number, day in enumerate(days):
            put(store, Span(claim, number, number + 1), change(1, str(day)), ids=(f"e{number}",), day=day)
        at = START + 6 * DAY
        store.seal(at)
        store.advance(Boundary(at, {"t": {0: 8}}), {}, {})
        every = [f"e{number}" for number in range(8)]
        assert store.transact(lambda transaction: transaction.seen("events", every)) == set(every)
        store.tidy()
        assert store.transact(lambda transaction: transaction.seen("events", every)) == set(every[3:])

    def test_workers_side_by_side_lose_nothing(self, open_store: OpenStore) -> None:
        store = open_store(speed_layer.streaming_system())

        def work(partition: int) -> None:
            claim = store.claim("t", partition)
            for number in range(20):
                put(store, Span(claim, number, number + 1), change(1), ids=(f"{partition}-{number}",))

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(3)))
        offsets, rows = store.dump(GROUP)
        assert offsets == {"t": {0: 20, 1: 20, 2: 20}}
        assert [row.partials[0] for row in rows[("a",)]] == [60]

    def test_a_dump_beside_a_writer_is_of_one_moment(self, open_store: OpenStore) -> None:
        store = open_store(speed_layer.streaming_system())
        claim = store.claim("t", 0)

        def write() -> None:
            for number in range(60):
                put(store, Span(claim, number, number + 1), change(1), change(1, entity="b"))

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            while not writing.done():
                offsets, rows = store.dump(GROUP)
                events = [row.partials[0] for found in rows.values() for row in found]
                assert events == [offsets["t"][0]] * 2 if offsets else not events
            writing.result()


def check_formula(store: TileStore, system: SystemSpec, rows, key, data) -> None:
    """Reads at and after the newest known time against the formula, row by row."""
    group = system.groups[GROUP]
    distinct = list({row["id"]: row for row in rows}.values())
    boundary = store.boundary()
    newest = max([row["known"] for row in rows] + ([boundary.at] if boundary else []))
    minutes = data.draw(st.lists(st.integers(0, 6000), max_size=4))
    instants = [newest, *(newest + minute * event_streams.MINUTE for minute in minutes)]
    for at, entity in itertools.product(instants, ["a", "b"] if key else [None]):
        (found,) = store.read(GROUP, [(entity,) if key else ()], at)
        for name, item in group.aggregations.items():
            for window in item.windows:
                want = event_streams.expected(distinct, group, item, window, at, entity)
                none = 0.0 if item.function in ("count", "sum") else None
                got = found[feature_name(name, window)] if found else none
                assert bits(got) == bits(0.0 if want == 0 else want), (name, window, at, entity, got, want)


def bits(value) -> object:
    """What tells values apart, 0.0 and -0.0 too."""
    return struct.pack("d", value) if isinstance(value, float) else value
