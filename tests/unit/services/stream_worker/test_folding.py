"""Batch and speed layer merged give the formula to the bit, wherever batches are cut and boundaries drawn."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import event_streams
import speed_layer
from ai_patterns.clients.tile_store_sqlite import SqliteTileStore
from ai_patterns.services.stream_worker.folding import Folder
from ai_patterns.spec.features import feature_name

DAY = dt.timedelta(days=1)


@st.composite
def arrivals(draw):
    """Random events in order of arrival: mostly as they became known, some late, some twice."""
    rows = draw(event_streams.events())
    delays = [draw(st.sampled_from([0, 0, 0, 0, 300, 1500, 3000])) for _ in rows]
    late = [
        row
        for _, row in sorted(
            zip(delays, rows, strict=True), key=lambda each: each[1]["known"] + each[0] * event_streams.MINUTE
        )
    ]
    again = draw(st.lists(st.sampled_from(late), max_size=5))
    return late + again


@pytest.mark.parametrize("key", [("key",), ()])
@settings(max_examples=25, deadline=None)
@given(rows=arrivals(), data=st.data())
def test_merged_layers_give_the_formula(key, rows, data, tmp_path_factory) -> None:
    system = speed_layer.streaming_system(key)
    store = SqliteTileStore(system, tmp_path_factory.mktemp("tiles") / "tiles.db")
    folder, table = Folder(system, "events"), speed_layer.messages(rows)
    claims = {partition: store.claim(speed_layer.TOPIC, partition) for partition in (0, 1)}
    cuts = sorted({0, len(rows), *data.draw(st.lists(st.integers(0, len(rows)), max_size=4))})
    days = iter(sorted(data.draw(st.sets(st.integers(-1, 6), max_size=3))))
    for start, end in itertools.pairwise(cuts):
        speed_layer.fold(store, folder, table.slice(start, end - start), claims)
        day = next(days, None)
        if day is not None:
            landed = data.draw(st.integers(end, len(rows)))
            speed_layer.draw_boundary(store, table, event_streams.START + day * DAY, landed)
        if data.draw(st.booleans()):
            store.tidy()
    _check(store, system, rows, key, data)


def _check(store, system, rows, key, data) -> None:
    group = system.groups["activity"]
    distinct = list({row["id"]: row for row in rows}.values())
    boundary = store.boundary()
    newest = max([row["known"] for row in rows] + ([boundary.at] if boundary else []))
    instants = [
        newest,
        *(newest + minute * event_streams.MINUTE for minute in data.draw(st.lists(st.integers(0, 6000), max_size=4))),
    ]
    for at, entity in itertools.product(instants, ["a", "b"] if key else [None]):
        (found,) = store.read("activity", [(entity,) if key else ()], at)
        for name, item in group.aggregations.items():
            for window in item.windows:
                want = event_streams.expected(distinct, group, item, window, at, entity)
                got = (
                    found[feature_name(name, window)] if found else (0.0 if item.function in ("count", "sum") else None)
                )
                assert got == want, (name, window, at, entity)
