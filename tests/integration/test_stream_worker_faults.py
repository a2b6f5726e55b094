"""The stream worker loses and doubles nothing, wherever in its work it ends."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ai_patterns.clients import kafka as kafka_client
from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.kafka_reader import TopicReader
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_stores import open_tile_store
from ai_patterns.services.stream_worker import intake
from ai_patterns.services.stream_worker.folding import Folder
from ai_patterns.services.stream_worker.worker import WAIT_SECONDS
from click_worker import (
    Load,
    broker,
    catch_up,
    counted,
    events_of,
    fault_free,
    folded,
    folder,
    load,
    start,
    store,
    topic_of,
    wait_until,
    work,
)
from crash_points import CrashError, FailingStore, Fuse, failing_kinds
from soak_figures import add_figures

__all__ = ["broker", "folder", "load", "start", "store"]

CALLS = {TopicReader: ("assign", "poll", "ends"), Folder: ("prepare", "fold")}


def test_no_crash_inside_the_worker_loses_or_doubles(broker, store, tmp_path, monkeypatch, request) -> None:
    """It ends before or after one of its calls: to the topic, of the folding, or within the store's transaction."""
    load = Load(broker, topic_of(store), seed=7)
    with broker.producer() as producer:
        for _ in range(12):
            load.send(producer)
    monkeypatch.setattr(intake, "BATCH_MESSAGES", 60)
    wanted = events_of(fault_free(store, broker, tmp_path))
    calls = crash(broker, store, tmp_path / "counting.db", 0, monkeypatch, seconds=1)  # only full batches
    some = min(calls, request.config.getoption("--crash-points") // 8)
    figures = {"crash_points": 0, "lost": 0, "doubled": 0}
    for fatal in sorted(random.Random(some).sample(range(1, calls + 1), some)):
        path = tmp_path / f"{fatal}.db"
        figures["crash_points"] += crash(broker, store, path, fatal, monkeypatch) >= fatal
        found = open_tile_store(store.system, f"sqlite:///{path}")
        figures["lost"] += max(len(load.ids) - counted(found), 0)
        figures["doubled"] += max(counted(found) - len(load.ids), 0)
        assert events_of(found) == wanted, f"call {fatal} of {calls}"
    assert figures["crash_points"] > 0.8 * some
    add_figures(request.config.getoption("--figures"), "stream worker, inside", figures)


def crash(
    broker: Broker, store: TileStore, path: Path, fatal: int, patches: pytest.MonkeyPatch, seconds: float = WAIT_SECONDS
) -> int:
    """A worker on a store of its own ends at its `fatal`-th call, and the next one finishes; return their calls."""
    fuse = Fuse(fatal)
    failing = FailingStore(open_tile_store(store.system, f"sqlite:///{path}"), fuse)
    kinds = failing_kinds(CALLS, fuse)
    with patches.context() as patch:
        patch.setattr(kafka_client, "TopicReader", kinds[TopicReader])
        patch.setattr(intake, "Folder", kinds[Folder])
        with suppress(CrashError):
            work(broker, failing, seconds)
            return fuse.calls
        work(broker, failing, seconds)
    return fuse.calls


def test_kills_at_any_moment_under_load(start, store, kafka, load, tmp_path, request) -> None:
    broker = load.broker
    kills = max(request.config.getoption("--kills") // 2, 1)
    figures, seeded = {"kills": 0, "lost": 0, "doubled": 0}, random.Random(5)
    for number in range(kills):
        before, worker = folded(store), start()
        wait_until(lambda: folded(store) > before)  # noqa: B023  it is waited for in this round
        time.sleep(seeded.uniform(0, 0.5))
        if number % 10 == 2:
            for group in kafka.groups:
                os.killpg(group, signal.SIGKILL)
            assert kafka.up(), "it was dead"
        worker.process.kill()
        worker.process.wait()
        figures["kills"] += 1
        print(f"{number + 1} of {kills}: {folded(store)} messages", flush=True)
    load.end()
    start()
    catch_up(store, broker)
    found, whole = counted(store), fault_free(store, broker, tmp_path)
    figures["lost"], figures["doubled"] = max(counted(whole) - found, 0), max(found - counted(whole), 0)
    assert events_of(store) == events_of(whole)
    assert counted(whole) == len(load.ids)
    add_figures(request.config.getoption("--figures"), "stream worker", figures)
